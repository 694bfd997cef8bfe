--
-- PostgreSQL database dump
--



SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: clinic_outages(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.clinic_outages() RETURNS TABLE(target text, gateway_id uuid, gateway text, error text, failing_since timestamp with time zone, checked_at timestamp with time zone, account_id uuid, account text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$ SELECT o.target, o.gateway_id, g.name, CASE WHEN coalesce(o.gateway_id, o.account_id) IS NOT NULL THEN o.error END, o.failing_since, o.checked_at, o.account_id, a.name FROM public.channel_outages o LEFT JOIN public.gateways g ON g.id = o.gateway_id LEFT JOIN public.sending_accounts a ON a.id = o.account_id WHERE o.opened_at IS NOT NULL AND (coalesce(o.gateway_id, o.account_id) IS NULL OR g.clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid OR a.clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid) ORDER BY o.failing_since $$;


--
-- Name: folded_name(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.folded_name(name text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT COST 2 PARALLEL SAFE
    AS $$ BEGIN IF octet_length(name) = length(name) THEN RETURN lower(name); END IF; RETURN lower(replace(replace(replace(replace(replace(replace(replace(replace(translate(regexp_replace(normalize(name, NFKD), '[\u0300-\u036f]', '', 'g'), 'łŁøØđĐðÐħĦı', 'llooddddhhi'), 'ß', 'ss'), 'ẞ', 'ss'), 'æ', 'ae'), 'Æ', 'ae'), 'œ', 'oe'), 'Œ', 'oe'), 'þ', 'th'), 'Þ', 'th')); END $$;


--
-- Name: leads_named(text, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.leads_named(wanted text, most integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$ (SELECT leads.id FROM public.leads WHERE clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid AND deleted_at IS NULL AND folded_name(first_name) ~>=~ folded_name(wanted) AND folded_name(first_name) ~<~ (folded_name(wanted) || chr(1114111)) LIMIT most) UNION (SELECT leads.id FROM public.leads WHERE clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid AND deleted_at IS NULL AND folded_name(last_name) ~>=~ folded_name(wanted) AND folded_name(last_name) ~<~ (folded_name(wanted) || chr(1114111)) LIMIT most) UNION (SELECT leads.id FROM public.leads, (SELECT array_to_string((string_to_array(folded_name(wanted), ' '))[1 : place], ' ') AS one, array_to_string((string_to_array(folded_name(wanted), ' '))[place + 1 : ], ' ') AS other FROM generate_series(1, cardinality(string_to_array(folded_name(wanted), ' ')) - 1) AS place) AS part WHERE clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid AND deleted_at IS NULL AND folded_name(first_name) ~>=~ one AND folded_name(first_name) ~<~ (one || chr(1114111)) AND folded_name(last_name) ~>=~ other AND folded_name(last_name) ~<~ (other || chr(1114111)) LIMIT most) UNION (SELECT leads.id FROM public.leads, (SELECT array_to_string((string_to_array(folded_name(wanted), ' '))[1 : place], ' ') AS one, array_to_string((string_to_array(folded_name(wanted), ' '))[place + 1 : ], ' ') AS other FROM generate_series(1, cardinality(string_to_array(folded_name(wanted), ' ')) - 1) AS place) AS part WHERE clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid AND deleted_at IS NULL AND folded_name(last_name) ~>=~ one AND folded_name(last_name) ~<~ (one || chr(1114111)) AND folded_name(first_name) ~>=~ other AND folded_name(first_name) ~<~ (other || chr(1114111)) LIMIT most) $$;


--
-- Name: leads_tagged(text, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.leads_tagged(wanted text, most integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$ SELECT id FROM public.leads WHERE clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid AND tags @> ARRAY[wanted] AND tags <> '{}' AND deleted_at IS NULL LIMIT most $$;


--
-- Name: note_entries_beside(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.note_entries_beside() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN
    INSERT INTO lead_rollup_changes (clinic_id, created_at)
    SELECT NEW.clinic_id, at FROM (
        SELECT occurred_at AS at FROM lead_activities WHERE lead_id IN (NEW.lead_id, OLD.lead_id) AND type = 'STAGE_CHANGE'
        UNION SELECT created_at FROM leads WHERE id IN (NEW.lead_id, OLD.lead_id)
        UNION VALUES (NEW.occurred_at), (OLD.occurred_at)
    ) AS beside WHERE at < now() - interval '12 hours';
    RETURN NULL;
END $$;


--
-- Name: note_entries_of_lead(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.note_entries_of_lead() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN
    INSERT INTO lead_rollup_changes (clinic_id, created_at)
    SELECT clinic_id, occurred_at FROM lead_activities
    WHERE lead_id = NEW.id AND type = 'STAGE_CHANGE' AND occurred_at < now() - interval '12 hours';
    RETURN NULL;
END $$;


--
-- Name: note_rollup_change(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.note_rollup_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN
    INSERT INTO lead_rollup_changes (clinic_id, created_at) VALUES (NEW.clinic_id, NEW.created_at);
    IF TG_OP = 'UPDATE' AND OLD.created_at <> NEW.created_at THEN
        INSERT INTO lead_rollup_changes (clinic_id, created_at) VALUES (OLD.clinic_id, OLD.created_at);
    END IF;
    RETURN NULL;
END $$;


--
-- Name: note_task_rollup_change(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.note_task_rollup_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO task_rollup_changes (clinic_id, due_at) VALUES (NEW.clinic_id, NEW.due_at);
    END IF;
    IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND OLD.due_at <> NEW.due_at THEN
        INSERT INTO task_rollup_changes (clinic_id, due_at) VALUES (OLD.clinic_id, OLD.due_at);
    END IF;
    RETURN NULL;
END $$;


--
-- Name: note_tasks_of_lead(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.note_tasks_of_lead() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN
    INSERT INTO task_rollup_changes (clinic_id, due_at)
    SELECT clinic_id, due_at FROM lead_tasks WHERE lead_id = NEW.id AND due_at < now() - interval '12 hours';
    RETURN NULL;
END $$;


--
-- Name: refuse_to_forget(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.refuse_to_forget() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the record of who saw and changed what is never changed'; END $$;


--
-- Name: tasks_saying(text, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.tasks_saying(wanted text, most integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$ SELECT id FROM public.lead_tasks WHERE clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid AND to_tsvector('simple'::regconfig, (title || ' '::text) || COALESCE(description, ''::text)) @@ websearch_to_tsquery('simple'::regconfig, wanted) AND own_words AND deleted_at IS NULL LIMIT most $$;


--
-- Name: tasks_tagged(text, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.tasks_tagged(wanted text, most integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$ SELECT id FROM public.lead_tasks WHERE clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid AND tags @> ARRAY[wanted] AND tags <> '{}' AND deleted_at IS NULL LIMIT most $$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: absences; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.absences (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    user_id uuid NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    note text,
    cover_id uuid,
    tasks text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by uuid,
    CONSTRAINT ck_absences_ends_after_start CHECK ((starts_at < ends_at)),
    CONSTRAINT ck_absences_tasks CHECK ((tasks = ANY (ARRAY['reroute'::text, 'shift'::text, 'leave'::text])))
);


--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: api_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_keys (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    secret_hash text NOT NULL,
    scopes text[] NOT NULL,
    created_by uuid,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone
);


--
-- Name: assignment_history; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.assignment_history (
    lead_id uuid NOT NULL,
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    from_id uuid,
    to_id uuid,
    by_id uuid,
    why text NOT NULL,
    rule_id uuid,
    rule_name text,
    reason text,
    at timestamp with time zone NOT NULL
);


--
-- Name: assignment_rules; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.assignment_rules (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    name text NOT NULL,
    is_active boolean NOT NULL,
    "position" integer NOT NULL,
    strategy text NOT NULL,
    conditions jsonb NOT NULL,
    members jsonb NOT NULL,
    fallback_id uuid,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    CONSTRAINT ck_assignment_rules_strategy CHECK ((strategy = ANY (ARRAY['round_robin'::text, 'capacity'::text, 'schedule'::text])))
);


--
-- Name: assignment_turns; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.assignment_turns (
    rule_id uuid NOT NULL,
    user_id uuid NOT NULL
);


--
-- Name: audit_changes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_changes (
    entry bigint NOT NULL,
    sealed bytea NOT NULL,
    clinic_id uuid
);


--
-- Name: audit_entries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_entries (
    number bigint NOT NULL,
    clinic_id uuid NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    user_id uuid,
    api_key_id uuid,
    address text,
    request_id text,
    operation text NOT NULL,
    act text NOT NULL,
    subject text NOT NULL,
    ids uuid[] NOT NULL,
    fields text[] NOT NULL,
    digest bytea
);


--
-- Name: audit_entries_number_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.audit_entries ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_entries_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: audit_seals; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_seals (
    clinic_id uuid NOT NULL,
    number integer NOT NULL,
    up_to bigint NOT NULL,
    entries integer NOT NULL,
    seal bytea NOT NULL,
    sealed_at timestamp with time zone NOT NULL
);


--
-- Name: channel_outages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.channel_outages (
    target text NOT NULL,
    gateway_id uuid,
    failures integer NOT NULL,
    error text,
    failing_since timestamp with time zone NOT NULL,
    opened_at timestamp with time zone,
    checked_at timestamp with time zone,
    closed_at timestamp with time zone,
    notified_at timestamp with time zone,
    account_id uuid
);


--
-- Name: clinics; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.clinics (
    id uuid NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    timezone text NOT NULL,
    region text NOT NULL,
    subdivision text,
    business_hours jsonb NOT NULL,
    closed_dates date[] NOT NULL,
    stale_after_days integer NOT NULL,
    rules_version integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    language text DEFAULT 'en'::text NOT NULL,
    contact_policy jsonb DEFAULT '{}'::jsonb NOT NULL,
    contact_policy_version integer DEFAULT 1 NOT NULL,
    quiet_hours jsonb DEFAULT '{"ends": "08:00", "starts": "21:00"}'::jsonb,
    hours_version integer DEFAULT 1 NOT NULL,
    sender_name text,
    postal_address text,
    sender_version integer DEFAULT 1 NOT NULL,
    inbound_email jsonb DEFAULT '{}'::jsonb NOT NULL,
    inbound_email_version integer DEFAULT 1 NOT NULL,
    message_tracking jsonb DEFAULT '{}'::jsonb NOT NULL,
    message_tracking_version integer DEFAULT 1 NOT NULL,
    detects_sentiment boolean DEFAULT false NOT NULL,
    sentiment_version integer DEFAULT 1 NOT NULL,
    profile_version integer DEFAULT 1 NOT NULL
);


--
-- Name: consents; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.consents (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    way text NOT NULL,
    is_given boolean NOT NULL,
    wording text NOT NULL,
    source text NOT NULL,
    given_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by uuid
);


--
-- Name: contact_hours; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.contact_hours (
    clinic_id uuid NOT NULL,
    segment_id uuid NOT NULL,
    counts jsonb NOT NULL,
    learned_at timestamp with time zone NOT NULL
);


--
-- Name: counters; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.counters (
    process text NOT NULL,
    metric text NOT NULL,
    labels text NOT NULL,
    value double precision NOT NULL,
    updated_at timestamp with time zone NOT NULL
);


--
-- Name: custom_fields; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.custom_fields (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    key text NOT NULL,
    label text NOT NULL,
    type text NOT NULL,
    options text[] NOT NULL,
    required boolean NOT NULL,
    archived boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL
);


--
-- Name: deliveries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.deliveries (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    notification_id uuid NOT NULL,
    attempt integer NOT NULL,
    outcome text,
    response text,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone
);


--
-- Name: enrollment_steps; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.enrollment_steps (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    enrollment_id uuid NOT NULL,
    sequence_id uuid NOT NULL,
    sequence_version integer NOT NULL,
    step text NOT NULL,
    kind text NOT NULL,
    variant text,
    step_id uuid,
    notification_id uuid,
    task_id uuid,
    outcome text NOT NULL,
    reason text,
    at timestamp with time zone NOT NULL
);


--
-- Name: enrollments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.enrollments (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    sequence_id uuid NOT NULL,
    sequence_version integer NOT NULL,
    state text NOT NULL,
    reason text,
    step text,
    step_id uuid,
    waits_for_task_id uuid,
    seconds_left double precision,
    is_exclusive boolean NOT NULL,
    exit_on text[] NOT NULL,
    goal text[] NOT NULL,
    label text,
    colleague_key text,
    cause jsonb NOT NULL,
    enrolled_at timestamp with time zone NOT NULL,
    enrolled_by uuid,
    changed_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT ck_enrollments_state CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text, 'completed'::text, 'exited'::text])))
)
WITH (fillfactor='70');


--
-- Name: events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.events (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    name text NOT NULL,
    subject_id uuid NOT NULL,
    key text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    facts jsonb NOT NULL,
    chain jsonb,
    decisions jsonb NOT NULL
);


--
-- Name: gateway_minutes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.gateway_minutes (
    gateway_id uuid NOT NULL,
    minute timestamp with time zone NOT NULL,
    sent integer NOT NULL,
    promised integer NOT NULL
);


--
-- Name: gateway_receipts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.gateway_receipts (
    gateway_id uuid NOT NULL,
    call_id text NOT NULL,
    received_at timestamp with time zone NOT NULL
);


--
-- Name: gateways; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.gateways (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    name text NOT NULL,
    purpose text NOT NULL,
    sealed bytea,
    rotated_at timestamp with time zone,
    per_hour integer,
    idempotent boolean NOT NULL,
    is_active boolean NOT NULL,
    failures integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    is_default boolean DEFAULT false NOT NULL,
    CONSTRAINT ck_gateways_purpose CHECK ((purpose = ANY (ARRAY['messages'::text, 'webhook'::text])))
);


--
-- Name: holds; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.holds (
    id uuid NOT NULL,
    because text NOT NULL,
    held_at timestamp with time zone NOT NULL,
    backup_made_at timestamp with time zone,
    resumed_at timestamp with time zone,
    skip_messages_before timestamp with time zone
);


--
-- Name: import_rows; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.import_rows (
    import_id uuid NOT NULL,
    "position" integer NOT NULL,
    number integer NOT NULL,
    cells_sealed bytea
);


--
-- Name: imports; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.imports (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    encoding text,
    columns text[] NOT NULL,
    rows integer NOT NULL,
    job_id uuid,
    created_by uuid,
    created_at timestamp with time zone NOT NULL
);


--
-- Name: inbound_emails; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.inbound_emails (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    lead_id uuid,
    notification_id uuid,
    activity_id uuid,
    message_id text NOT NULL,
    via text NOT NULL,
    classification text NOT NULL,
    matched_by text,
    reason text,
    sealed bytea,
    thread_ids text,
    received_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ignored_at timestamp with time zone,
    handled_by uuid,
    authentication jsonb,
    CONSTRAINT ck_inbound_emails_classification CHECK ((classification = ANY (ARRAY['reply'::text, 'auto_reply'::text, 'bounce_hard'::text, 'bounce_soft'::text, 'bounce_delayed'::text, 'complaint'::text, 'unmatched'::text, 'unreadable'::text, 'own'::text])))
);


--
-- Name: inbound_hooks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.inbound_hooks (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    name text NOT NULL,
    provider text NOT NULL,
    topic text,
    sealed bytea,
    is_active boolean NOT NULL,
    last_called_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    authentication_server text,
    on_failed_authentication text DEFAULT 'accept'::text NOT NULL,
    CONSTRAINT ck_inbound_hooks_on_failed_authentication CHECK ((on_failed_authentication = ANY (ARRAY['accept'::text, 'review'::text]))),
    CONSTRAINT ck_inbound_hooks_provider CHECK ((provider = ANY (ARRAY['ses'::text, 'mailgun'::text, 'postmark'::text, 'sendgrid'::text])))
);


--
-- Name: inbound_raw_emails; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.inbound_raw_emails (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    sealed bytea,
    received_at timestamp with time zone NOT NULL
);


--
-- Name: inbound_texts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.inbound_texts (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    lead_id uuid,
    account_id uuid NOT NULL,
    provider_id text NOT NULL,
    channel text NOT NULL,
    notification_id uuid,
    activity_id uuid,
    sealed bytea,
    received_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ignored_at timestamp with time zone,
    handled_by uuid
);


--
-- Name: job_items; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.job_items (
    job_id uuid NOT NULL,
    "position" integer NOT NULL,
    lead_id uuid,
    status text NOT NULL,
    reason text,
    error text,
    task_id uuid,
    lead_sealed bytea
);


--
-- Name: jobs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.jobs (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    client_key text,
    fingerprint text,
    spec jsonb NOT NULL,
    state text NOT NULL,
    total integer NOT NULL,
    done integer NOT NULL,
    failed integer NOT NULL,
    cancelled integer NOT NULL,
    created_by uuid,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    next_at timestamp with time zone,
    reached integer DEFAULT 0 NOT NULL
);


--
-- Name: kept_answers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.kept_answers (
    clinic_id uuid NOT NULL,
    caller_id uuid NOT NULL,
    path text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    headers jsonb NOT NULL,
    body bytea,
    created_at timestamp with time zone NOT NULL,
    shown jsonb,
    allowed bytea
);


--
-- Name: key_checks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.key_checks (
    name text NOT NULL,
    sealed bytea NOT NULL,
    retired_at timestamp with time zone
);


--
-- Name: lead_activities; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_activities (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    type text NOT NULL,
    channel text,
    direction text,
    outcome text,
    duration_minutes integer,
    scheduled_for timestamp with time zone,
    task_id uuid,
    previous_stage text,
    new_stage text,
    occurred_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by uuid,
    step_id uuid,
    sealed bytea,
    is_auto_reply boolean DEFAULT false NOT NULL,
    sentiment text
);


--
-- Name: lead_rollup_changes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_rollup_changes (
    id bigint NOT NULL,
    clinic_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL
);


--
-- Name: lead_rollup_changes_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lead_rollup_changes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lead_rollup_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: lead_rollup_counts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_rollup_counts (
    span_id bigint NOT NULL,
    group_id bigint NOT NULL,
    clinic_id uuid NOT NULL,
    leads integer NOT NULL,
    money numeric(18,2),
    days_to_convert double precision,
    days_to_convert_of integer NOT NULL,
    days_to_loss double precision,
    days_to_loss_of integer NOT NULL,
    minutes_mean double precision,
    minutes_mean_of integer NOT NULL,
    elapsed_seconds bytea,
    business_seconds bytea
);
ALTER TABLE ONLY public.lead_rollup_counts ALTER COLUMN elapsed_seconds SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.lead_rollup_counts ALTER COLUMN business_seconds SET STORAGE EXTERNAL;


--
-- Name: lead_rollup_entries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_rollup_entries (
    span_id bigint NOT NULL,
    stage text NOT NULL,
    clinic_id uuid NOT NULL,
    firsts integer NOT NULL,
    previous timestamp with time zone[] NOT NULL
);


--
-- Name: lead_rollup_groups; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_rollup_groups (
    id bigint NOT NULL,
    clinic_id uuid NOT NULL,
    fingerprint uuid NOT NULL,
    source_id uuid NOT NULL,
    assigned_to_id uuid,
    first_touch_source_id uuid,
    last_touch_source_id uuid,
    status text NOT NULL,
    pipeline_stage text NOT NULL,
    capture_channel text NOT NULL,
    past_stages text[] NOT NULL,
    lost_reason text,
    has_contact boolean NOT NULL,
    has_answered boolean NOT NULL,
    has_replied boolean NOT NULL
);


--
-- Name: lead_rollup_groups_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lead_rollup_groups ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lead_rollup_groups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: lead_rollup_spans; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_rollup_spans (
    id bigint NOT NULL,
    clinic_id uuid NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    is_month boolean NOT NULL,
    timezone text NOT NULL,
    rolled_up_at timestamp with time zone NOT NULL,
    opening_hash text DEFAULT ''::text NOT NULL
);


--
-- Name: lead_rollup_spans_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lead_rollup_spans ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lead_rollup_spans_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: lead_rollup_stays; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_rollup_stays (
    span_id bigint NOT NULL,
    stage text NOT NULL,
    clinic_id uuid NOT NULL,
    hours integer[] NOT NULL,
    ended integer[] NOT NULL,
    starts bytea NOT NULL
);
ALTER TABLE ONLY public.lead_rollup_stays ALTER COLUMN starts SET STORAGE EXTERNAL;


--
-- Name: lead_score_changes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_score_changes (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    score smallint NOT NULL,
    previous_score smallint,
    model text NOT NULL,
    parts jsonb NOT NULL
);


--
-- Name: lead_scores; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_scores (
    lead_id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    score smallint NOT NULL,
    adjustment smallint NOT NULL,
    basis text NOT NULL,
    since timestamp with time zone NOT NULL
);


--
-- Name: lead_source_costs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_source_costs (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    source_id uuid NOT NULL,
    valid_from date NOT NULL,
    monthly_cost numeric(12,2),
    written_at timestamp with time zone NOT NULL
);


--
-- Name: lead_sources; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_sources (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    name text NOT NULL,
    category text NOT NULL,
    description text,
    is_active boolean NOT NULL,
    monthly_cost numeric(12,2),
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    aliases text[] DEFAULT '{}'::text[] NOT NULL
);


--
-- Name: lead_tasks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_tasks (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    title text NOT NULL,
    description text,
    type text NOT NULL,
    priority text NOT NULL,
    assigned_to_id uuid NOT NULL,
    due_at timestamp with time zone NOT NULL,
    reminder_minutes integer[],
    status text NOT NULL,
    completed_at timestamp with time zone,
    completed_by uuid,
    cancelled_reason text,
    outcome text,
    snoozed_until timestamp with time zone,
    step_id uuid,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    created_by uuid,
    version integer NOT NULL,
    completion_notes text,
    activity_id uuid,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    pinned boolean DEFAULT false NOT NULL,
    own_words boolean DEFAULT true NOT NULL,
    deleted_at timestamp with time zone,
    task_template_id uuid,
    CONSTRAINT ck_lead_tasks_status CHECK ((status = ANY (ARRAY['PENDING'::text, 'IN_PROGRESS'::text, 'COMPLETED'::text, 'CANCELLED'::text, 'OVERDUE'::text])))
);


--
-- Name: lead_touches; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_touches (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    source_id uuid NOT NULL,
    channel text NOT NULL,
    campaign text,
    detail text,
    medium text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    utm_term text,
    utm_content text,
    referrer text,
    landing_page text,
    form_id uuid,
    consent_text text,
    consent_at timestamp with time zone,
    occurred_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by uuid
);


--
-- Name: lead_views; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lead_views (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    filters jsonb NOT NULL,
    shared boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL
);


--
-- Name: leads; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.leads (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    status text NOT NULL,
    pipeline_stage text NOT NULL,
    stage_entered_at timestamp with time zone NOT NULL,
    stage_overdue_since timestamp with time zone,
    patient_first_name text NOT NULL,
    patient_last_name text NOT NULL,
    patient_relationship text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    preferred_contact text NOT NULL,
    preferred_time text,
    timezone text,
    address_line1 text,
    address_line2 text,
    city text,
    state text,
    postal_code text,
    source_id uuid NOT NULL,
    source_campaign text,
    source_detail text,
    referring_provider_id uuid,
    referring_patient_id uuid,
    treatment_interest text[] NOT NULL,
    assigned_to_id uuid,
    assigned_at timestamp with time zone,
    consultation_id uuid,
    converted_to_patient_id uuid,
    converted_at timestamp with time zone,
    lost_at timestamp with time zone,
    lost_reason text,
    lost_suggested_at timestamp with time zone,
    lost_suggested_reason text,
    failed_attempts integer NOT NULL,
    contacted_at timestamp with time zone,
    replied_at timestamp with time zone,
    opted_out_at timestamp with time zone,
    last_activity_at timestamp with time zone NOT NULL,
    stale_since timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    created_by uuid,
    updated_by uuid,
    version integer NOT NULL,
    capture_channel text DEFAULT 'MANUAL'::text NOT NULL,
    social_platform text,
    social_handle text,
    external_source text,
    external_id text,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    lead_value numeric(12,2),
    custom jsonb DEFAULT '{}'::jsonb NOT NULL,
    first_touch_id uuid,
    first_touch_at timestamp with time zone,
    first_touch_source_id uuid,
    last_touch_id uuid,
    last_touch_at timestamp with time zone,
    last_touch_source_id uuid,
    merged_into_id uuid,
    restricted_at timestamp with time zone,
    erased_at timestamp with time zone,
    sealed bytea,
    email_blind bytea,
    phone_blind bytea,
    phone_alt_blind bytea,
    rots_at timestamp with time zone,
    rotting_reason text,
    without_next_action_since timestamp with time zone,
    name_key text GENERATED ALWAYS AS ("left"(lower(last_name), 3)) STORED NOT NULL,
    value_cents bigint GENERATED ALWAYS AS (((lead_value * (100)::numeric))::bigint) STORED,
    score smallint,
    language text,
    opted_out_channels text[] DEFAULT '{}'::text[] NOT NULL,
    past_stages text[] DEFAULT '{}'::text[] NOT NULL,
    first_contact_at timestamp with time zone,
    past_stage_seconds double precision[] DEFAULT '{}'::double precision[] NOT NULL,
    conversation_done_at timestamp with time zone,
    captured_interest text[],
    CONSTRAINT ck_leads_lost_has_reason CHECK (((status <> 'LOST'::text) OR (lost_reason IS NOT NULL))),
    CONSTRAINT ck_leads_status CHECK ((status = ANY (ARRAY['NEW'::text, 'ACTIVE'::text, 'CONVERTED'::text, 'LOST'::text, 'ARCHIVED'::text]))),
    CONSTRAINT ck_leads_value_is_positive CHECK ((lead_value >= (0)::numeric))
);


--
-- Name: mailboxes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.mailboxes (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    name text NOT NULL,
    host text NOT NULL,
    port integer NOT NULL,
    security text NOT NULL,
    sealed bytea,
    folder text NOT NULL,
    is_active boolean NOT NULL,
    mark_seen boolean NOT NULL,
    since date,
    uidvalidity bigint,
    last_uid bigint,
    attempted_uid bigint,
    attempts integer NOT NULL,
    supports_idle boolean,
    last_seen_at timestamp with time zone,
    failing_since timestamp with time zone,
    error text,
    notified_at timestamp with time zone,
    holder uuid,
    held_until timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    sign_in text DEFAULT 'password'::text NOT NULL,
    tenant text,
    client_id text,
    authentication_server text,
    on_failed_authentication text DEFAULT 'accept'::text NOT NULL,
    CONSTRAINT ck_mailboxes_on_failed_authentication CHECK ((on_failed_authentication = ANY (ARRAY['accept'::text, 'review'::text]))),
    CONSTRAINT ck_mailboxes_security CHECK ((security = ANY (ARRAY['none'::text, 'starttls'::text, 'tls'::text]))),
    CONSTRAINT ck_mailboxes_sign_in CHECK ((sign_in = ANY (ARRAY['password'::text, 'microsoft'::text])))
);


--
-- Name: message_template_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.message_template_versions (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    template_id uuid NOT NULL,
    number integer NOT NULL,
    variants jsonb NOT NULL,
    repeats integer,
    created_at timestamp with time zone NOT NULL,
    created_by uuid
);


--
-- Name: message_templates; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.message_templates (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    slug text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    name text NOT NULL,
    description text,
    number integer NOT NULL,
    created_by uuid,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL
);


--
-- Name: next_action_answers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.next_action_answers (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    act text NOT NULL,
    facts_key text NOT NULL,
    is_accepted boolean NOT NULL,
    sealed bytea,
    answered_at timestamp with time zone NOT NULL,
    answered_by uuid
);


--
-- Name: notice_destinations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.notice_destinations (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    user_id uuid NOT NULL,
    channel text NOT NULL,
    name text,
    sealed bytea,
    url_blind bytea,
    test_id uuid,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    CONSTRAINT ck_notice_destinations_channel CHECK ((channel = ANY (ARRAY['slack'::text, 'teams'::text, 'web_push'::text])))
);


--
-- Name: notice_preferences; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.notice_preferences (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    choices jsonb NOT NULL,
    digest_at text,
    timezone text,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    is_guide_closed boolean DEFAULT false NOT NULL
);


--
-- Name: notifications; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.notifications (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    lead_id uuid,
    user_id uuid,
    task_id uuid,
    step_id uuid,
    channel text NOT NULL,
    template text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    message_id text,
    state text NOT NULL,
    reason text,
    error text,
    attempts integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    read_at timestamp with time zone,
    sealed bytea,
    template_version_id uuid,
    variant text,
    series text,
    handed_over_at timestamp with time zone,
    gateway_id uuid,
    message_type text,
    media_url text,
    delivered_at timestamp with time zone,
    opened_at timestamp with time zone,
    clicked_at timestamp with time zone,
    headers jsonb,
    written_by uuid,
    account_id uuid,
    provider_template jsonb,
    destination_id uuid,
    account_name text,
    CONSTRAINT ck_notifications_state CHECK ((state = ANY (ARRAY['pending'::text, 'sending'::text, 'sent'::text, 'failed'::text, 'unknown'::text, 'suppressed'::text])))
);


--
-- Name: nurture_runs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.nurture_runs (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    nurture_id uuid NOT NULL,
    scheduled_for timestamp with time zone NOT NULL,
    asked_by uuid,
    state text NOT NULL,
    reason text,
    started_at timestamp with time zone,
    worked_at timestamp with time zone,
    finished_at timestamp with time zone,
    reached_score smallint,
    reached_id uuid,
    taken integer NOT NULL,
    refused jsonb NOT NULL,
    CONSTRAINT ck_nurture_runs_state CHECK ((state = ANY (ARRAY['waiting'::text, 'running'::text, 'done'::text, 'stopped'::text, 'missed'::text])))
);


--
-- Name: nurtures; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.nurtures (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    playbook text NOT NULL,
    name text NOT NULL,
    is_active boolean NOT NULL,
    run_hours text[] NOT NULL,
    days text[],
    score_from smallint NOT NULL,
    score_to smallint NOT NULL,
    silent_for text NOT NULL,
    sequence text NOT NULL,
    batch smallint NOT NULL,
    most integer,
    next_run_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    updated_by uuid,
    version integer NOT NULL
);


--
-- Name: password_links; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.password_links (
    id uuid NOT NULL,
    user_id uuid,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);


--
-- Name: pipeline_stages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pipeline_stages (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    description text,
    "position" integer NOT NULL,
    color text,
    max_days_in_stage integer,
    is_terminal boolean NOT NULL,
    is_default boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    archived_at timestamp with time zone,
    moves_to text
);


--
-- Name: rate_counters; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.rate_counters (
    name text NOT NULL,
    count integer NOT NULL,
    ends_at timestamp with time zone NOT NULL
);


--
-- Name: roles; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.roles (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    grants jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL
);


--
-- Name: rule_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.rule_versions (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    rule_id uuid NOT NULL,
    number integer,
    definition jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by uuid,
    note text
);


--
-- Name: rules; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.rules (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    playbook text NOT NULL,
    slug text NOT NULL,
    version integer NOT NULL,
    definition jsonb,
    active boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    published integer,
    paused_because text,
    updated_at timestamp with time zone,
    updated_by uuid,
    deleted_at timestamp with time zone
);


--
-- Name: saved_reports; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.saved_reports (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    report text NOT NULL,
    parameters jsonb NOT NULL,
    shared boolean NOT NULL,
    schedule jsonb,
    scheduled_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL
);


--
-- Name: score_models; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.score_models (
    clinic_id uuid NOT NULL,
    id uuid NOT NULL,
    trained_at timestamp with time zone NOT NULL,
    closed_leads integer NOT NULL,
    conversions integer NOT NULL,
    tested_leads integer NOT NULL,
    auc double precision,
    calibration_error double precision,
    weights jsonb
);


--
-- Name: score_tables; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.score_tables (
    clinic_id uuid NOT NULL,
    is_kept boolean NOT NULL,
    kept_since timestamp with time zone,
    model text NOT NULL,
    base smallint NOT NULL,
    weights jsonb NOT NULL,
    version integer NOT NULL,
    CONSTRAINT ck_score_tables_model CHECK ((model = ANY (ARRAY['rules'::text, 'learned'::text])))
);


--
-- Name: sending_account_counts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sending_account_counts (
    account_id uuid NOT NULL,
    period text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    sent integer NOT NULL,
    promised integer NOT NULL,
    CONSTRAINT ck_sending_account_counts_period CHECK ((period = ANY (ARRAY['minute'::text, 'day'::text])))
);


--
-- Name: sending_accounts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sending_accounts (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    channels text[] NOT NULL,
    default_for text[] NOT NULL,
    settings jsonb NOT NULL,
    sealed bytea,
    is_active boolean NOT NULL,
    per_hour integer,
    per_day integer,
    warm_up_per_day integer,
    warm_up_growth integer,
    warm_up_started_on date,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    CONSTRAINT ck_sending_accounts_kind CHECK ((kind = ANY (ARRAY['smtp'::text, 'twilio'::text, 'whatsapp_cloud'::text])))
);


--
-- Name: sequence_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sequence_versions (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    sequence_id uuid NOT NULL,
    number integer,
    definition jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by uuid,
    note text
);


--
-- Name: sequences; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sequences (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    playbook text NOT NULL,
    slug text NOT NULL,
    definition jsonb,
    published integer,
    active boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone,
    updated_by uuid,
    deleted_at timestamp with time zone,
    version integer NOT NULL,
    paused_because text
);


--
-- Name: series_hours; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.series_hours (
    clinic_id uuid NOT NULL,
    series text NOT NULL,
    hour timestamp with time zone NOT NULL,
    shard smallint NOT NULL,
    done integer NOT NULL,
    sent integer NOT NULL,
    failed integer NOT NULL,
    bounced integer NOT NULL,
    opted_out integer NOT NULL
);


--
-- Name: sign_ins; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sign_ins (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    refresh_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    emergency_until timestamp with time zone,
    former_refresh_id uuid,
    refreshed_at timestamp with time zone,
    sealed bytea
);


--
-- Name: steps; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.steps (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    lead_id uuid,
    kind text NOT NULL,
    name text NOT NULL,
    cause jsonb NOT NULL,
    params jsonb NOT NULL,
    guard jsonb,
    stop_on text[] NOT NULL,
    lateness integer,
    due_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    reason text,
    outcome jsonb,
    error text,
    attempts smallint NOT NULL,
    published_at timestamp with time zone,
    lease_until timestamp with time zone,
    dedupe_key text,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    moves jsonb,
    CONSTRAINT ck_steps_state CHECK ((state = ANY (ARRAY['planned'::text, 'published'::text, 'running'::text, 'done'::text, 'skipped'::text, 'cancelled'::text, 'failed'::text, 'unknown'::text])))
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='1', autovacuum_analyze_scale_factor='0.05');


--
-- Name: suppressions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.suppressions (
    clinic_id uuid NOT NULL,
    way text NOT NULL,
    address_hash bytea NOT NULL,
    reason text NOT NULL,
    created_at timestamp with time zone NOT NULL
);


--
-- Name: sweep_runs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sweep_runs (
    name text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    runs integer NOT NULL,
    result jsonb,
    error text
);


--
-- Name: task_rollup_changes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.task_rollup_changes (
    id bigint NOT NULL,
    clinic_id uuid NOT NULL,
    due_at timestamp with time zone NOT NULL
);


--
-- Name: task_rollup_changes_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.task_rollup_changes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.task_rollup_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: task_rollup_days; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.task_rollup_days (
    clinic_id uuid NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    timezone text NOT NULL,
    rolled_up_at timestamp with time zone NOT NULL,
    assignees uuid[] NOT NULL,
    tasks integer[] NOT NULL,
    completed integer[] NOT NULL,
    on_time integer[] NOT NULL
);


--
-- Name: task_templates; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.task_templates (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    name text NOT NULL,
    title text NOT NULL,
    description text,
    type text NOT NULL,
    priority text NOT NULL,
    due_in text NOT NULL,
    business_time boolean NOT NULL,
    tags text[] NOT NULL,
    stage text,
    created_at timestamp with time zone NOT NULL,
    created_by uuid,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL
);


--
-- Name: task_views; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.task_views (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    filters jsonb NOT NULL,
    shared boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL
);


--
-- Name: teams; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.teams (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL
);


--
-- Name: text_receipts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.text_receipts (
    account_id uuid NOT NULL,
    report_id text NOT NULL,
    clinic_id uuid NOT NULL,
    received_at timestamp with time zone NOT NULL
);


--
-- Name: tracked_links; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tracked_links (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    notification_id uuid NOT NULL,
    "position" integer NOT NULL,
    sealed bytea
);


--
-- Name: tracked_messages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tracked_messages (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    opens boolean NOT NULL,
    clicks boolean NOT NULL,
    person_opens integer DEFAULT 0 NOT NULL,
    machine_opens integer DEFAULT 0 NOT NULL,
    unsure_opens integer DEFAULT 0 NOT NULL,
    person_clicks integer DEFAULT 0 NOT NULL,
    machine_clicks integer DEFAULT 0 NOT NULL,
    unsure_clicks integer DEFAULT 0 NOT NULL
);


--
-- Name: tracking_hits; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tracking_hits (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    notification_id uuid NOT NULL,
    link_id uuid,
    kind text NOT NULL,
    verdict text NOT NULL,
    reason text NOT NULL,
    signals text[] NOT NULL,
    network bytea,
    occurred_at timestamp with time zone NOT NULL,
    settle_at timestamp with time zone,
    CONSTRAINT ck_tracking_hits_kind CHECK ((kind = ANY (ARRAY['open'::text, 'click'::text]))),
    CONSTRAINT ck_tracking_hits_verdict CHECK ((verdict = ANY (ARRAY['person'::text, 'machine'::text, 'unsure'::text])))
);


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    password_hash text,
    is_active boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_login_at timestamp with time zone,
    team_id uuid,
    updated_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL
);


--
-- Name: web_forms; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.web_forms (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    name text NOT NULL,
    key text NOT NULL,
    allowed_origins text[] NOT NULL,
    source_id uuid NOT NULL,
    campaign text,
    fields jsonb NOT NULL,
    consent_text text,
    thank_you text,
    redirect_url text,
    is_active boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL
);


--
-- Name: webhook_deliveries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.webhook_deliveries (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    event_id uuid,
    lead_id uuid,
    type text NOT NULL,
    state text NOT NULL,
    attempts smallint NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    attempted_at timestamp with time zone,
    duration_ms integer,
    response_status smallint,
    sealed bytea,
    error text,
    CONSTRAINT ck_webhook_deliveries_state CHECK ((state = ANY (ARRAY['pending'::text, 'sending'::text, 'delivered'::text, 'failed'::text])))
);


--
-- Name: webhook_endpoints; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.webhook_endpoints (
    id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    description text,
    sealed bytea,
    rotated_at timestamp with time zone,
    events text[] NOT NULL,
    ordered boolean NOT NULL,
    include_lead boolean NOT NULL,
    is_active boolean NOT NULL,
    disabled_at timestamp with time zone,
    disabled_because text,
    failures integer NOT NULL,
    pauses integer NOT NULL,
    failing_since timestamp with time zone,
    paused_until timestamp with time zone,
    warned_at timestamp with time zone,
    last_error text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    CONSTRAINT ck_webhook_endpoints_because CHECK ((disabled_because = ANY (ARRAY['gone'::text, 'failing'::text])))
);


--
-- Name: working_hours; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.working_hours (
    user_id uuid NOT NULL,
    clinic_id uuid NOT NULL,
    hours jsonb NOT NULL,
    updated_at timestamp with time zone NOT NULL
);


--
-- Data for Name: absences; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0081');


--
-- Data for Name: api_keys; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: assignment_history; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: assignment_rules; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: assignment_turns; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: audit_changes; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: audit_entries; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: audit_seals; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: channel_outages; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: clinics; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: consents; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: contact_hours; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: counters; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: custom_fields; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: deliveries; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: enrollment_steps; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: enrollments; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: events; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: gateway_minutes; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: gateway_receipts; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: gateways; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: holds; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: import_rows; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: imports; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: inbound_emails; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: inbound_hooks; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: inbound_raw_emails; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: inbound_texts; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: job_items; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: jobs; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: kept_answers; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: key_checks; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_activities; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_rollup_changes; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_rollup_counts; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_rollup_entries; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_rollup_groups; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_rollup_spans; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_rollup_stays; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_score_changes; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_scores; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_source_costs; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_sources; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_tasks; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_touches; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lead_views; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: leads; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: mailboxes; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: message_template_versions; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: message_templates; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: next_action_answers; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: notice_destinations; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: notice_preferences; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: notifications; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: nurture_runs; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: nurtures; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: password_links; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: pipeline_stages; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: rate_counters; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: roles; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: rule_versions; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: rules; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: saved_reports; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: score_models; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: score_tables; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: sending_account_counts; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: sending_accounts; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: sequence_versions; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: sequences; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: series_hours; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: sign_ins; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: steps; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: suppressions; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: sweep_runs; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: task_rollup_changes; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: task_rollup_days; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: task_templates; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: task_views; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: teams; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: text_receipts; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: tracked_links; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: tracked_messages; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: tracking_hits; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: web_forms; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: webhook_deliveries; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: webhook_endpoints; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: working_hours; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Name: audit_entries_number_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.audit_entries_number_seq', 1, false);


--
-- Name: lead_rollup_changes_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lead_rollup_changes_id_seq', 1, false);


--
-- Name: lead_rollup_groups_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lead_rollup_groups_id_seq', 1, false);


--
-- Name: lead_rollup_spans_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lead_rollup_spans_id_seq', 1, false);


--
-- Name: task_rollup_changes_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.task_rollup_changes_id_seq', 1, false);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: absences pk_absences; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.absences
    ADD CONSTRAINT pk_absences PRIMARY KEY (id);


--
-- Name: api_keys pk_api_keys; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT pk_api_keys PRIMARY KEY (id);


--
-- Name: assignment_history pk_assignment_history; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.assignment_history
    ADD CONSTRAINT pk_assignment_history PRIMARY KEY (lead_id, id);


--
-- Name: assignment_rules pk_assignment_rules; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.assignment_rules
    ADD CONSTRAINT pk_assignment_rules PRIMARY KEY (id);


--
-- Name: assignment_turns pk_assignment_turns; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.assignment_turns
    ADD CONSTRAINT pk_assignment_turns PRIMARY KEY (rule_id);


--
-- Name: audit_changes pk_audit_changes; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_changes
    ADD CONSTRAINT pk_audit_changes PRIMARY KEY (entry);


--
-- Name: audit_entries pk_audit_entries; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_entries
    ADD CONSTRAINT pk_audit_entries PRIMARY KEY (number);


--
-- Name: audit_seals pk_audit_seals; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_seals
    ADD CONSTRAINT pk_audit_seals PRIMARY KEY (clinic_id, number);


--
-- Name: channel_outages pk_channel_outages; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.channel_outages
    ADD CONSTRAINT pk_channel_outages PRIMARY KEY (target);


--
-- Name: clinics pk_clinics; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.clinics
    ADD CONSTRAINT pk_clinics PRIMARY KEY (id);


--
-- Name: consents pk_consents; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consents
    ADD CONSTRAINT pk_consents PRIMARY KEY (id);


--
-- Name: contact_hours pk_contact_hours; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.contact_hours
    ADD CONSTRAINT pk_contact_hours PRIMARY KEY (clinic_id, segment_id);


--
-- Name: counters pk_counters; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.counters
    ADD CONSTRAINT pk_counters PRIMARY KEY (process, metric, labels);


--
-- Name: custom_fields pk_custom_fields; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.custom_fields
    ADD CONSTRAINT pk_custom_fields PRIMARY KEY (id);


--
-- Name: deliveries pk_deliveries; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT pk_deliveries PRIMARY KEY (id);


--
-- Name: enrollment_steps pk_enrollment_steps; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.enrollment_steps
    ADD CONSTRAINT pk_enrollment_steps PRIMARY KEY (id);


--
-- Name: enrollments pk_enrollments; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.enrollments
    ADD CONSTRAINT pk_enrollments PRIMARY KEY (id);


--
-- Name: events pk_events; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events
    ADD CONSTRAINT pk_events PRIMARY KEY (id);


--
-- Name: gateway_minutes pk_gateway_minutes; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.gateway_minutes
    ADD CONSTRAINT pk_gateway_minutes PRIMARY KEY (gateway_id, minute);


--
-- Name: gateway_receipts pk_gateway_receipts; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.gateway_receipts
    ADD CONSTRAINT pk_gateway_receipts PRIMARY KEY (gateway_id, call_id);


--
-- Name: gateways pk_gateways; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.gateways
    ADD CONSTRAINT pk_gateways PRIMARY KEY (id);


--
-- Name: holds pk_holds; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT pk_holds PRIMARY KEY (id);


--
-- Name: import_rows pk_import_rows; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.import_rows
    ADD CONSTRAINT pk_import_rows PRIMARY KEY (import_id, "position");

ALTER TABLE public.import_rows CLUSTER ON pk_import_rows;


--
-- Name: imports pk_imports; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.imports
    ADD CONSTRAINT pk_imports PRIMARY KEY (id);


--
-- Name: inbound_emails pk_inbound_emails; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbound_emails
    ADD CONSTRAINT pk_inbound_emails PRIMARY KEY (id);


--
-- Name: inbound_hooks pk_inbound_hooks; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbound_hooks
    ADD CONSTRAINT pk_inbound_hooks PRIMARY KEY (id);


--
-- Name: inbound_raw_emails pk_inbound_raw_emails; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbound_raw_emails
    ADD CONSTRAINT pk_inbound_raw_emails PRIMARY KEY (id);


--
-- Name: inbound_texts pk_inbound_texts; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbound_texts
    ADD CONSTRAINT pk_inbound_texts PRIMARY KEY (id);


--
-- Name: job_items pk_job_items; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.job_items
    ADD CONSTRAINT pk_job_items PRIMARY KEY (job_id, "position");

ALTER TABLE public.job_items CLUSTER ON pk_job_items;


--
-- Name: jobs pk_jobs; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT pk_jobs PRIMARY KEY (id);


--
-- Name: kept_answers pk_kept_answers; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.kept_answers
    ADD CONSTRAINT pk_kept_answers PRIMARY KEY (clinic_id, caller_id, path, key);


--
-- Name: key_checks pk_key_checks; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.key_checks
    ADD CONSTRAINT pk_key_checks PRIMARY KEY (name);


--
-- Name: lead_activities pk_lead_activities; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_activities
    ADD CONSTRAINT pk_lead_activities PRIMARY KEY (id);

ALTER TABLE public.lead_activities CLUSTER ON pk_lead_activities;


--
-- Name: lead_rollup_changes pk_lead_rollup_changes; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_changes
    ADD CONSTRAINT pk_lead_rollup_changes PRIMARY KEY (id);


--
-- Name: lead_rollup_counts pk_lead_rollup_counts; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_counts
    ADD CONSTRAINT pk_lead_rollup_counts PRIMARY KEY (span_id, group_id);


--
-- Name: lead_rollup_entries pk_lead_rollup_entries; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_entries
    ADD CONSTRAINT pk_lead_rollup_entries PRIMARY KEY (span_id, stage);


--
-- Name: lead_rollup_groups pk_lead_rollup_groups; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_groups
    ADD CONSTRAINT pk_lead_rollup_groups PRIMARY KEY (id);


--
-- Name: lead_rollup_spans pk_lead_rollup_spans; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_spans
    ADD CONSTRAINT pk_lead_rollup_spans PRIMARY KEY (id);


--
-- Name: lead_rollup_stays pk_lead_rollup_stays; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_stays
    ADD CONSTRAINT pk_lead_rollup_stays PRIMARY KEY (span_id, stage);


--
-- Name: lead_score_changes pk_lead_score_changes; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_score_changes
    ADD CONSTRAINT pk_lead_score_changes PRIMARY KEY (id);


--
-- Name: lead_scores pk_lead_scores; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_scores
    ADD CONSTRAINT pk_lead_scores PRIMARY KEY (lead_id);


--
-- Name: lead_source_costs pk_lead_source_costs; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_source_costs
    ADD CONSTRAINT pk_lead_source_costs PRIMARY KEY (id);


--
-- Name: lead_sources pk_lead_sources; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_sources
    ADD CONSTRAINT pk_lead_sources PRIMARY KEY (id);


--
-- Name: lead_tasks pk_lead_tasks; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_tasks
    ADD CONSTRAINT pk_lead_tasks PRIMARY KEY (id);


--
-- Name: lead_touches pk_lead_touches; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_touches
    ADD CONSTRAINT pk_lead_touches PRIMARY KEY (id);


--
-- Name: lead_views pk_lead_views; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_views
    ADD CONSTRAINT pk_lead_views PRIMARY KEY (id);


--
-- Name: leads pk_leads; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT pk_leads PRIMARY KEY (id);

ALTER TABLE public.leads CLUSTER ON pk_leads;


--
-- Name: mailboxes pk_mailboxes; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mailboxes
    ADD CONSTRAINT pk_mailboxes PRIMARY KEY (id);


--
-- Name: message_template_versions pk_message_template_versions; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message_template_versions
    ADD CONSTRAINT pk_message_template_versions PRIMARY KEY (id);


--
-- Name: message_templates pk_message_templates; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message_templates
    ADD CONSTRAINT pk_message_templates PRIMARY KEY (id);


--
-- Name: next_action_answers pk_next_action_answers; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.next_action_answers
    ADD CONSTRAINT pk_next_action_answers PRIMARY KEY (id);


--
-- Name: notice_destinations pk_notice_destinations; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notice_destinations
    ADD CONSTRAINT pk_notice_destinations PRIMARY KEY (id);


--
-- Name: notice_preferences pk_notice_preferences; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notice_preferences
    ADD CONSTRAINT pk_notice_preferences PRIMARY KEY (id);


--
-- Name: notifications pk_notifications; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT pk_notifications PRIMARY KEY (id);

ALTER TABLE public.notifications CLUSTER ON pk_notifications;


--
-- Name: nurture_runs pk_nurture_runs; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nurture_runs
    ADD CONSTRAINT pk_nurture_runs PRIMARY KEY (id);


--
-- Name: nurtures pk_nurtures; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nurtures
    ADD CONSTRAINT pk_nurtures PRIMARY KEY (id);


--
-- Name: password_links pk_password_links; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.password_links
    ADD CONSTRAINT pk_password_links PRIMARY KEY (id);


--
-- Name: pipeline_stages pk_pipeline_stages; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pipeline_stages
    ADD CONSTRAINT pk_pipeline_stages PRIMARY KEY (id);


--
-- Name: rate_counters pk_rate_counters; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rate_counters
    ADD CONSTRAINT pk_rate_counters PRIMARY KEY (name);


--
-- Name: roles pk_roles; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.roles
    ADD CONSTRAINT pk_roles PRIMARY KEY (id);


--
-- Name: rule_versions pk_rule_versions; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rule_versions
    ADD CONSTRAINT pk_rule_versions PRIMARY KEY (id);


--
-- Name: rules pk_rules; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rules
    ADD CONSTRAINT pk_rules PRIMARY KEY (id);


--
-- Name: saved_reports pk_saved_reports; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.saved_reports
    ADD CONSTRAINT pk_saved_reports PRIMARY KEY (id);


--
-- Name: score_models pk_score_models; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.score_models
    ADD CONSTRAINT pk_score_models PRIMARY KEY (clinic_id);


--
-- Name: score_tables pk_score_tables; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.score_tables
    ADD CONSTRAINT pk_score_tables PRIMARY KEY (clinic_id);


--
-- Name: sending_account_counts pk_sending_account_counts; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sending_account_counts
    ADD CONSTRAINT pk_sending_account_counts PRIMARY KEY (account_id, period, starts_at);


--
-- Name: sending_accounts pk_sending_accounts; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sending_accounts
    ADD CONSTRAINT pk_sending_accounts PRIMARY KEY (id);


--
-- Name: sequence_versions pk_sequence_versions; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sequence_versions
    ADD CONSTRAINT pk_sequence_versions PRIMARY KEY (id);


--
-- Name: sequences pk_sequences; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sequences
    ADD CONSTRAINT pk_sequences PRIMARY KEY (id);


--
-- Name: series_hours pk_series_hours; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.series_hours
    ADD CONSTRAINT pk_series_hours PRIMARY KEY (clinic_id, series, hour, shard);


--
-- Name: sign_ins pk_sign_ins; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sign_ins
    ADD CONSTRAINT pk_sign_ins PRIMARY KEY (id);


--
-- Name: steps pk_steps; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.steps
    ADD CONSTRAINT pk_steps PRIMARY KEY (id);


--
-- Name: suppressions pk_suppressions; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT pk_suppressions PRIMARY KEY (clinic_id, way, address_hash);


--
-- Name: sweep_runs pk_sweep_runs; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sweep_runs
    ADD CONSTRAINT pk_sweep_runs PRIMARY KEY (name);


--
-- Name: task_rollup_changes pk_task_rollup_changes; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_rollup_changes
    ADD CONSTRAINT pk_task_rollup_changes PRIMARY KEY (id);


--
-- Name: task_rollup_days pk_task_rollup_days; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_rollup_days
    ADD CONSTRAINT pk_task_rollup_days PRIMARY KEY (clinic_id, starts_at);


--
-- Name: task_templates pk_task_templates; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_templates
    ADD CONSTRAINT pk_task_templates PRIMARY KEY (id);


--
-- Name: task_views pk_task_views; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_views
    ADD CONSTRAINT pk_task_views PRIMARY KEY (id);


--
-- Name: teams pk_teams; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.teams
    ADD CONSTRAINT pk_teams PRIMARY KEY (id);


--
-- Name: text_receipts pk_text_receipts; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.text_receipts
    ADD CONSTRAINT pk_text_receipts PRIMARY KEY (account_id, report_id);


--
-- Name: tracked_links pk_tracked_links; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tracked_links
    ADD CONSTRAINT pk_tracked_links PRIMARY KEY (id);


--
-- Name: tracked_messages pk_tracked_messages; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tracked_messages
    ADD CONSTRAINT pk_tracked_messages PRIMARY KEY (id);


--
-- Name: tracking_hits pk_tracking_hits; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tracking_hits
    ADD CONSTRAINT pk_tracking_hits PRIMARY KEY (id);


--
-- Name: users pk_users; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT pk_users PRIMARY KEY (id);


--
-- Name: web_forms pk_web_forms; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.web_forms
    ADD CONSTRAINT pk_web_forms PRIMARY KEY (id);


--
-- Name: webhook_deliveries pk_webhook_deliveries; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_deliveries
    ADD CONSTRAINT pk_webhook_deliveries PRIMARY KEY (id);


--
-- Name: webhook_endpoints pk_webhook_endpoints; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT pk_webhook_endpoints PRIMARY KEY (id);


--
-- Name: working_hours pk_working_hours; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.working_hours
    ADD CONSTRAINT pk_working_hours PRIMARY KEY (user_id);


--
-- Name: api_keys uq_api_keys_prefix; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT uq_api_keys_prefix UNIQUE (prefix);


--
-- Name: clinics uq_clinics_slug; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.clinics
    ADD CONSTRAINT uq_clinics_slug UNIQUE (slug);


--
-- Name: custom_fields uq_custom_fields_clinic_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.custom_fields
    ADD CONSTRAINT uq_custom_fields_clinic_id_key UNIQUE (clinic_id, key);


--
-- Name: gateways uq_gateways_clinic_id_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.gateways
    ADD CONSTRAINT uq_gateways_clinic_id_name UNIQUE (clinic_id, name);


--
-- Name: inbound_emails uq_inbound_emails_clinic_id_message_id; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbound_emails
    ADD CONSTRAINT uq_inbound_emails_clinic_id_message_id UNIQUE (clinic_id, message_id);


--
-- Name: inbound_hooks uq_inbound_hooks_clinic_id_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbound_hooks
    ADD CONSTRAINT uq_inbound_hooks_clinic_id_name UNIQUE (clinic_id, name);


--
-- Name: inbound_texts uq_inbound_texts_account_id_provider_id; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbound_texts
    ADD CONSTRAINT uq_inbound_texts_account_id_provider_id UNIQUE (account_id, provider_id);


--
-- Name: lead_rollup_groups uq_lead_rollup_groups_fingerprint; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_groups
    ADD CONSTRAINT uq_lead_rollup_groups_fingerprint UNIQUE (clinic_id, fingerprint);


--
-- Name: lead_rollup_spans uq_lead_rollup_spans_time; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_spans
    ADD CONSTRAINT uq_lead_rollup_spans_time UNIQUE (clinic_id, starts_at, ends_at);


--
-- Name: lead_source_costs uq_lead_source_costs_clinic_id_source_id_valid_from; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_source_costs
    ADD CONSTRAINT uq_lead_source_costs_clinic_id_source_id_valid_from UNIQUE (clinic_id, source_id, valid_from);


--
-- Name: lead_sources uq_lead_sources_clinic_id_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_sources
    ADD CONSTRAINT uq_lead_sources_clinic_id_name UNIQUE (clinic_id, name);


--
-- Name: lead_views uq_lead_views_user_id_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_views
    ADD CONSTRAINT uq_lead_views_user_id_name UNIQUE (user_id, name);


--
-- Name: mailboxes uq_mailboxes_clinic_id_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mailboxes
    ADD CONSTRAINT uq_mailboxes_clinic_id_name UNIQUE (clinic_id, name);


--
-- Name: message_template_versions uq_message_template_versions_template_id_number; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message_template_versions
    ADD CONSTRAINT uq_message_template_versions_template_id_number UNIQUE (template_id, number);


--
-- Name: message_templates uq_message_templates_clinic_id_slug; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message_templates
    ADD CONSTRAINT uq_message_templates_clinic_id_slug UNIQUE (clinic_id, slug);


--
-- Name: nurture_runs uq_nurture_runs_nurture_id_scheduled_for; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nurture_runs
    ADD CONSTRAINT uq_nurture_runs_nurture_id_scheduled_for UNIQUE (nurture_id, scheduled_for);


--
-- Name: nurtures uq_nurtures_clinic_id_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nurtures
    ADD CONSTRAINT uq_nurtures_clinic_id_name UNIQUE (clinic_id, name);


--
-- Name: pipeline_stages uq_pipeline_stages_clinic_id_slug; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pipeline_stages
    ADD CONSTRAINT uq_pipeline_stages_clinic_id_slug UNIQUE (clinic_id, slug);


--
-- Name: roles uq_roles_clinic_id_slug; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.roles
    ADD CONSTRAINT uq_roles_clinic_id_slug UNIQUE (clinic_id, slug);


--
-- Name: rule_versions uq_rule_versions_rule_id_number; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rule_versions
    ADD CONSTRAINT uq_rule_versions_rule_id_number UNIQUE (rule_id, number);


--
-- Name: saved_reports uq_saved_reports_user_id_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.saved_reports
    ADD CONSTRAINT uq_saved_reports_user_id_name UNIQUE (user_id, name);


--
-- Name: sending_accounts uq_sending_accounts_clinic_id_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sending_accounts
    ADD CONSTRAINT uq_sending_accounts_clinic_id_name UNIQUE (clinic_id, name);


--
-- Name: sequence_versions uq_sequence_versions_sequence_id_number; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sequence_versions
    ADD CONSTRAINT uq_sequence_versions_sequence_id_number UNIQUE (sequence_id, number);


--
-- Name: task_templates uq_task_templates_clinic_id_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_templates
    ADD CONSTRAINT uq_task_templates_clinic_id_name UNIQUE (clinic_id, name);


--
-- Name: task_views uq_task_views_user_id_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_views
    ADD CONSTRAINT uq_task_views_user_id_name UNIQUE (user_id, name);


--
-- Name: teams uq_teams_clinic_id_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.teams
    ADD CONSTRAINT uq_teams_clinic_id_name UNIQUE (clinic_id, name);


--
-- Name: web_forms uq_web_forms_clinic_id_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.web_forms
    ADD CONSTRAINT uq_web_forms_clinic_id_name UNIQUE (clinic_id, name);


--
-- Name: web_forms uq_web_forms_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.web_forms
    ADD CONSTRAINT uq_web_forms_key UNIQUE (key);


--
-- Name: ix_absences_user_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_absences_user_id ON public.absences USING btree (user_id, ends_at);


--
-- Name: ix_api_keys_clinic_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_api_keys_clinic_id ON public.api_keys USING btree (clinic_id);


--
-- Name: ix_assignment_rules_clinic_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_assignment_rules_clinic_id ON public.assignment_rules USING btree (clinic_id, "position");


--
-- Name: ix_audit_entries_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_audit_entries_clinic ON public.audit_entries USING btree (clinic_id, at, number);


--
-- Name: ix_consents_lead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_consents_lead ON public.consents USING btree (lead_id, id);


--
-- Name: ix_contact_hours_learned_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_contact_hours_learned_at ON public.contact_hours USING btree (learned_at);


--
-- Name: ix_deliveries_notification_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_deliveries_notification_id ON public.deliveries USING btree (notification_id, attempt);


--
-- Name: ix_enrollment_steps_enrollment; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_enrollment_steps_enrollment ON public.enrollment_steps USING btree (enrollment_id, id);


--
-- Name: ix_enrollment_steps_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_enrollment_steps_sequence ON public.enrollment_steps USING btree (sequence_id, sequence_version, step);


--
-- Name: ix_enrollment_steps_written; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_enrollment_steps_written ON public.enrollment_steps USING btree (sequence_id, at) WHERE (notification_id IS NOT NULL);


--
-- Name: ix_enrollments_colleagues; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_enrollments_colleagues ON public.enrollments USING btree (clinic_id) WHERE ((colleague_key IS NOT NULL) AND (state = ANY (ARRAY['active'::text, 'paused'::text])));


--
-- Name: ix_enrollments_enrolled; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_enrollments_enrolled ON public.enrollments USING btree (sequence_id, enrolled_at);


--
-- Name: ix_enrollments_lead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_enrollments_lead ON public.enrollments USING btree (lead_id, id);


--
-- Name: ix_enrollments_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_enrollments_sequence ON public.enrollments USING btree (sequence_id, id);


--
-- Name: ix_enrollments_state; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_enrollments_state ON public.enrollments USING btree (sequence_id, state, id);


--
-- Name: ix_events_lead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_events_lead ON public.events USING btree (lead_id, id);


--
-- Name: ix_events_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_events_name ON public.events USING btree (clinic_id, name, id);


--
-- Name: ix_gateway_minutes_minute; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_gateway_minutes_minute ON public.gateway_minutes USING btree (minute);


--
-- Name: ix_gateway_receipts_received_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_gateway_receipts_received_at ON public.gateway_receipts USING btree (received_at);


--
-- Name: ix_imports_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_imports_clinic ON public.imports USING btree (clinic_id, id);


--
-- Name: ix_imports_created_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_imports_created_at ON public.imports USING btree (created_at);


--
-- Name: ix_inbound_emails_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inbound_emails_clinic ON public.inbound_emails USING btree (clinic_id, received_at, id);


--
-- Name: ix_inbound_emails_lead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inbound_emails_lead ON public.inbound_emails USING btree (lead_id, received_at, id) WHERE (lead_id IS NOT NULL);


--
-- Name: ix_inbound_emails_unmatched; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inbound_emails_unmatched ON public.inbound_emails USING btree (clinic_id, received_at, id) WHERE ((classification = 'unmatched'::text) AND (ignored_at IS NULL));


--
-- Name: ix_inbound_raw_emails_received_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inbound_raw_emails_received_at ON public.inbound_raw_emails USING btree (received_at);


--
-- Name: ix_inbound_texts_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inbound_texts_clinic ON public.inbound_texts USING btree (clinic_id, received_at, id);


--
-- Name: ix_inbound_texts_lead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inbound_texts_lead ON public.inbound_texts USING btree (lead_id, channel, received_at, id) WHERE (lead_id IS NOT NULL);


--
-- Name: ix_inbound_texts_unmatched; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inbound_texts_unmatched ON public.inbound_texts USING btree (clinic_id, received_at, id) WHERE ((lead_id IS NULL) AND (ignored_at IS NULL));


--
-- Name: ix_job_items_failed; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_job_items_failed ON public.job_items USING btree (job_id, "position") WHERE (status = 'failed'::text);


--
-- Name: ix_jobs_finished_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_jobs_finished_at ON public.jobs USING btree (finished_at) WHERE (finished_at IS NOT NULL);


--
-- Name: ix_kept_answers_created_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_kept_answers_created_at ON public.kept_answers USING btree (created_at);


--
-- Name: ix_lead_activities_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_activities_clinic ON public.lead_activities USING btree (clinic_id, id);


--
-- Name: ix_lead_activities_stage_changes; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_activities_stage_changes ON public.lead_activities USING btree (lead_id, occurred_at, id) INCLUDE (previous_stage, new_stage) WHERE (type = 'STAGE_CHANGE'::text);


--
-- Name: ix_lead_activities_stage_entries; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_activities_stage_entries ON public.lead_activities USING btree (clinic_id, new_stage, occurred_at) INCLUDE (lead_id) WHERE (type = 'STAGE_CHANGE'::text);


--
-- Name: ix_lead_activities_timeline; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_activities_timeline ON public.lead_activities USING btree (lead_id, occurred_at, id);


--
-- Name: ix_lead_rollup_changes_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_rollup_changes_clinic ON public.lead_rollup_changes USING btree (clinic_id, created_at);


--
-- Name: ix_lead_rollup_counts_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_rollup_counts_clinic ON public.lead_rollup_counts USING btree (clinic_id);


--
-- Name: ix_lead_rollup_counts_group; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_rollup_counts_group ON public.lead_rollup_counts USING btree (group_id);


--
-- Name: ix_lead_rollup_entries_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_rollup_entries_clinic ON public.lead_rollup_entries USING btree (clinic_id);


--
-- Name: ix_lead_rollup_stays_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_rollup_stays_clinic ON public.lead_rollup_stays USING btree (clinic_id);


--
-- Name: ix_lead_score_changes_lead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_score_changes_lead ON public.lead_score_changes USING btree (lead_id, id);


--
-- Name: ix_lead_tasks_by_status; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_by_status ON public.lead_tasks USING btree (clinic_id, status, due_at, id, type, priority) WHERE (status = ANY (ARRAY['IN_PROGRESS'::text, 'OVERDUE'::text, 'COMPLETED'::text, 'CANCELLED'::text]));


--
-- Name: ix_lead_tasks_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_due ON public.lead_tasks USING btree (clinic_id, due_at) INCLUDE (lead_id, assigned_to_id, status, completed_at) WHERE ((status <> 'CANCELLED'::text) AND (deleted_at IS NULL));


--
-- Name: ix_lead_tasks_falling_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_falling_due ON public.lead_tasks USING btree (clinic_id, due_at, id, type, priority) WHERE (status = ANY (ARRAY['PENDING'::text, 'IN_PROGRESS'::text]));


--
-- Name: ix_lead_tasks_lead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_lead ON public.lead_tasks USING btree (lead_id, due_at, id, status);


--
-- Name: ix_lead_tasks_made; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_made ON public.lead_tasks USING btree (clinic_id, id, type, priority);


--
-- Name: ix_lead_tasks_made_by; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_made_by ON public.lead_tasks USING btree (created_by, due_at, id) WHERE (created_by IS NOT NULL);


--
-- Name: ix_lead_tasks_made_from; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_made_from ON public.lead_tasks USING btree (task_template_id, created_at) WHERE (task_template_id IS NOT NULL);


--
-- Name: ix_lead_tasks_mine; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_mine ON public.lead_tasks USING btree (assigned_to_id, due_at, id) INCLUDE (clinic_id) WHERE (status = ANY (ARRAY['PENDING'::text, 'IN_PROGRESS'::text, 'OVERDUE'::text]));


--
-- Name: ix_lead_tasks_mine_by_status; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_mine_by_status ON public.lead_tasks USING btree (assigned_to_id, status, due_at, id) WHERE (status = ANY (ARRAY['IN_PROGRESS'::text, 'COMPLETED'::text, 'CANCELLED'::text]));


--
-- Name: ix_lead_tasks_pinned; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_pinned ON public.lead_tasks USING btree (clinic_id, due_at, id) WHERE pinned;


--
-- Name: ix_lead_tasks_tags; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_tags ON public.lead_tasks USING gin (tags) WHERE (tags <> '{}'::text[]);


--
-- Name: ix_lead_tasks_urgent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_urgent ON public.lead_tasks USING btree (clinic_id, array_position('{URGENT,HIGH,NORMAL,LOW}'::text[], priority), due_at, id) WHERE (status = ANY (ARRAY['PENDING'::text, 'IN_PROGRESS'::text, 'OVERDUE'::text]));


--
-- Name: ix_lead_tasks_words; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_tasks_words ON public.lead_tasks USING gin (to_tsvector('simple'::regconfig, ((title || ' '::text) || COALESCE(description, ''::text)))) WITH (gin_pending_list_limit='256') WHERE own_words;


--
-- Name: ix_lead_touches_lead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_touches_lead ON public.lead_touches USING btree (lead_id, occurred_at, id);


--
-- Name: ix_lead_views_shared; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lead_views_shared ON public.lead_views USING btree (clinic_id) WHERE shared;


--
-- Name: ix_leads_analytics; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_analytics ON public.leads USING btree (clinic_id, id) INCLUDE (created_at, status, pipeline_stage, stage_entered_at, past_stages, source_id, assigned_to_id, capture_channel, first_contact_at, converted_at, lost_at, lost_reason, lead_value, contacted_at, replied_at, first_touch_source_id, last_touch_source_id, past_stage_seconds) WHERE (deleted_at IS NULL);


--
-- Name: ix_leads_assigned; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_assigned ON public.leads USING btree (clinic_id, assigned_to_id, id) WHERE (deleted_at IS NULL);


--
-- Name: ix_leads_campaign; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_campaign ON public.leads USING btree (clinic_id, source_campaign, id) WHERE ((deleted_at IS NULL) AND (source_campaign IS NOT NULL));


--
-- Name: ix_leads_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_clinic ON public.leads USING btree (clinic_id, id) WHERE (deleted_at IS NULL);


--
-- Name: ix_leads_converted; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_converted ON public.leads USING btree (clinic_id, converted_at, id) WHERE ((converted_at IS NOT NULL) AND (deleted_at IS NULL));


--
-- Name: ix_leads_deleted; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_deleted ON public.leads USING btree (clinic_id, id) WHERE (deleted_at IS NOT NULL);


--
-- Name: ix_leads_email; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_email ON public.leads USING btree (clinic_id, email_blind, id DESC NULLS LAST) WHERE ((email_blind IS NOT NULL) AND (deleted_at IS NULL));


--
-- Name: ix_leads_first_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_first_name ON public.leads USING btree (clinic_id, public.folded_name(first_name) text_pattern_ops) WHERE (deleted_at IS NULL);


--
-- Name: ix_leads_going_stale; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_going_stale ON public.leads USING btree (clinic_id, last_activity_at) WHERE ((status = ANY (ARRAY['NEW'::text, 'ACTIVE'::text])) AND (deleted_at IS NULL) AND (stale_since IS NULL));


--
-- Name: ix_leads_in_stage; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_in_stage ON public.leads USING btree (clinic_id, pipeline_stage, stage_entered_at) WHERE ((status = ANY (ARRAY['NEW'::text, 'ACTIVE'::text])) AND (deleted_at IS NULL) AND (stage_overdue_since IS NULL));


--
-- Name: ix_leads_language; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_language ON public.leads USING btree (clinic_id, language, id) WHERE ((language IS NOT NULL) AND (deleted_at IS NULL));


--
-- Name: ix_leads_last_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_last_name ON public.leads USING btree (clinic_id, public.folded_name(last_name) text_pattern_ops) WHERE (deleted_at IS NULL);


--
-- Name: ix_leads_lost; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_lost ON public.leads USING btree (clinic_id, lost_at, id) WHERE ((lost_at IS NOT NULL) AND (deleted_at IS NULL));


--
-- Name: ix_leads_merged; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_merged ON public.leads USING btree (merged_into_id) WHERE (merged_into_id IS NOT NULL);


--
-- Name: ix_leads_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_name ON public.leads USING btree (clinic_id, name_key, id DESC NULLS LAST) WHERE (deleted_at IS NULL);


--
-- Name: ix_leads_open_of; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_open_of ON public.leads USING btree (clinic_id, assigned_to_id, id) WHERE ((status = ANY (ARRAY['NEW'::text, 'ACTIVE'::text])) AND (deleted_at IS NULL));


--
-- Name: ix_leads_patient; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_patient ON public.leads USING btree (clinic_id, converted_to_patient_id) WHERE (converted_to_patient_id IS NOT NULL);


--
-- Name: ix_leads_phone; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_phone ON public.leads USING btree (clinic_id, phone_blind, id DESC NULLS LAST) WHERE ((phone_blind IS NOT NULL) AND (deleted_at IS NULL));


--
-- Name: ix_leads_phone_alt; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_phone_alt ON public.leads USING btree (clinic_id, phone_alt_blind, id DESC NULLS LAST) WHERE ((phone_alt_blind IS NOT NULL) AND (deleted_at IS NULL));


--
-- Name: ix_leads_replied; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_replied ON public.leads USING btree (clinic_id, replied_at, id) WHERE ((replied_at IS NOT NULL) AND (deleted_at IS NULL));


--
-- Name: ix_leads_rotting; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_rotting ON public.leads USING btree (clinic_id, rots_at, id) WHERE ((status = ANY (ARRAY['NEW'::text, 'ACTIVE'::text])) AND (deleted_at IS NULL));


--
-- Name: ix_leads_score; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_score ON public.leads USING btree (clinic_id, score, id) WHERE ((score IS NOT NULL) AND (deleted_at IS NULL));


--
-- Name: ix_leads_scored; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_scored ON public.leads USING btree (clinic_id, score, id) WHERE ((score IS NOT NULL) AND (opted_out_at IS NULL) AND (restricted_at IS NULL) AND (status = ANY (ARRAY['NEW'::text, 'ACTIVE'::text])) AND (deleted_at IS NULL));


--
-- Name: ix_leads_source; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_source ON public.leads USING btree (clinic_id, source_id, id) WHERE (deleted_at IS NULL);


--
-- Name: ix_leads_stage; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_stage ON public.leads USING btree (clinic_id, pipeline_stage, id) INCLUDE (lead_value) WHERE (deleted_at IS NULL);


--
-- Name: ix_leads_status; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_status ON public.leads USING btree (clinic_id, status, id) WHERE (deleted_at IS NULL);


--
-- Name: ix_leads_tags; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_tags ON public.leads USING gin (tags) WHERE ((tags <> '{}'::text[]) AND (deleted_at IS NULL));


--
-- Name: ix_leads_value; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_value ON public.leads USING btree (clinic_id, value_cents, id) WHERE ((value_cents IS NOT NULL) AND (deleted_at IS NULL));


--
-- Name: ix_leads_without_contact; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_without_contact ON public.leads USING btree (clinic_id, id) INCLUDE (created_at, first_contact_at, contacted_at, replied_at, source_id, assigned_to_id) WHERE ((first_contact_at IS NULL) AND (deleted_at IS NULL));


--
-- Name: ix_leads_without_next_action; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_leads_without_next_action ON public.leads USING btree (clinic_id, without_next_action_since, id) WHERE ((without_next_action_since IS NOT NULL) AND (status = ANY (ARRAY['NEW'::text, 'ACTIVE'::text])) AND (deleted_at IS NULL));


--
-- Name: ix_next_action_answers_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_next_action_answers_clinic ON public.next_action_answers USING btree (clinic_id, answered_at, id);


--
-- Name: ix_next_action_answers_lead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_next_action_answers_lead ON public.next_action_answers USING btree (lead_id, id);


--
-- Name: ix_notice_destinations_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_notice_destinations_clinic ON public.notice_destinations USING btree (clinic_id, channel, url_blind);


--
-- Name: ix_notifications_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_notifications_clinic ON public.notifications USING btree (clinic_id, created_at, id);


--
-- Name: ix_notifications_digest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_notifications_digest ON public.notifications USING btree (user_id, created_at) WHERE (reason = 'waits_for_digest'::text);


--
-- Name: ix_notifications_inbox; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_notifications_inbox ON public.notifications USING btree (user_id, id) WHERE ((channel = 'in_app'::text) AND (user_id IS NOT NULL));


--
-- Name: ix_notifications_lead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_notifications_lead ON public.notifications USING btree (lead_id, id);


--
-- Name: ix_notifications_made_from; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_notifications_made_from ON public.notifications USING btree (template_version_id, created_at) WHERE (template_version_id IS NOT NULL);


--
-- Name: ix_notifications_touches; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_notifications_touches ON public.notifications USING btree (lead_id, COALESCE(handed_over_at, sent_at, created_at)) WHERE ((user_id IS NULL) AND (state <> ALL (ARRAY['failed'::text, 'suppressed'::text])));


--
-- Name: ix_notifications_unread; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_notifications_unread ON public.notifications USING btree (user_id, id) WHERE ((channel = 'in_app'::text) AND (user_id IS NOT NULL) AND (read_at IS NULL));


--
-- Name: ix_notifications_unsent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_notifications_unsent ON public.notifications USING btree (clinic_id, state, created_at, id) WHERE (state <> 'sent'::text);


--
-- Name: ix_nurture_runs_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_nurture_runs_open ON public.nurture_runs USING btree (worked_at NULLS FIRST, id) WHERE (finished_at IS NULL);


--
-- Name: ix_nurtures_next_run_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_nurtures_next_run_at ON public.nurtures USING btree (next_run_at) WHERE (next_run_at IS NOT NULL);


--
-- Name: ix_password_links_expires_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_password_links_expires_at ON public.password_links USING btree (expires_at);


--
-- Name: ix_password_links_user_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_password_links_user_id ON public.password_links USING btree (user_id);


--
-- Name: ix_pipeline_stages_archived; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_pipeline_stages_archived ON public.pipeline_stages USING btree (clinic_id, slug) WHERE (archived_at IS NOT NULL);


--
-- Name: ix_pipeline_stages_clinic_position; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_pipeline_stages_clinic_position ON public.pipeline_stages USING btree (clinic_id, "position");


--
-- Name: ix_rules_active; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_rules_active ON public.rules USING btree (clinic_id) WHERE active;


--
-- Name: ix_saved_reports_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_saved_reports_clinic ON public.saved_reports USING btree (clinic_id, name, id);


--
-- Name: ix_saved_reports_scheduled; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_saved_reports_scheduled ON public.saved_reports USING btree (scheduled_at) WHERE (schedule IS NOT NULL);


--
-- Name: ix_sending_account_counts_starts_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_sending_account_counts_starts_at ON public.sending_account_counts USING btree (starts_at);


--
-- Name: ix_series_hours_hour; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_series_hours_hour ON public.series_hours USING btree (hour);


--
-- Name: ix_series_hours_trouble; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_series_hours_trouble ON public.series_hours USING btree (hour) WHERE ((failed > 0) OR (bounced > 0) OR (opted_out > 0));


--
-- Name: ix_sign_ins_expires_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_sign_ins_expires_at ON public.sign_ins USING btree (expires_at);


--
-- Name: ix_sign_ins_user_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_sign_ins_user_id ON public.sign_ins USING btree (user_id);


--
-- Name: ix_steps_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_steps_due ON public.steps USING btree (kind, due_at) WHERE (state = ANY (ARRAY['planned'::text, 'published'::text]));


--
-- Name: ix_steps_due_by_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_steps_due_by_clinic ON public.steps USING btree (kind, clinic_id, due_at, id) WHERE (state = ANY (ARRAY['planned'::text, 'published'::text]));


--
-- Name: ix_steps_finished; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_steps_finished ON public.steps USING btree (clinic_id, finished_at) WHERE (finished_at IS NOT NULL);


--
-- Name: ix_steps_lead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_steps_lead ON public.steps USING btree (lead_id, due_at);


--
-- Name: ix_steps_lease; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_steps_lease ON public.steps USING btree (lease_until) WHERE (state = 'running'::text);


--
-- Name: ix_steps_put_off; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_steps_put_off ON public.steps USING btree (clinic_id, due_at) WHERE ((reason IS NOT NULL) AND (state = ANY (ARRAY['planned'::text, 'published'::text])));


--
-- Name: ix_steps_trouble; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_steps_trouble ON public.steps USING btree (clinic_id, state, id) WHERE (state = ANY (ARRAY['failed'::text, 'unknown'::text]));


--
-- Name: ix_steps_waiting_for_channel; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_steps_waiting_for_channel ON public.steps USING btree (clinic_id, id) WHERE ((reason = 'channel_down'::text) AND (state = ANY (ARRAY['planned'::text, 'published'::text])));


--
-- Name: ix_task_rollup_changes_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_task_rollup_changes_clinic ON public.task_rollup_changes USING btree (clinic_id, due_at);


--
-- Name: ix_task_views_shared; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_task_views_shared ON public.task_views USING btree (clinic_id) WHERE shared;


--
-- Name: ix_text_receipts_received_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_text_receipts_received_at ON public.text_receipts USING btree (received_at);


--
-- Name: ix_tracked_links_notification_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_tracked_links_notification_id ON public.tracked_links USING btree (notification_id);


--
-- Name: ix_tracking_hits_network; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_tracking_hits_network ON public.tracking_hits USING btree (occurred_at) WHERE (network IS NOT NULL);


--
-- Name: ix_tracking_hits_notification; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_tracking_hits_notification ON public.tracking_hits USING btree (notification_id, occurred_at);


--
-- Name: ix_tracking_hits_pending; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_tracking_hits_pending ON public.tracking_hits USING btree (settle_at, id) WHERE (settle_at IS NOT NULL);


--
-- Name: ix_users_clinic_role; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_users_clinic_role ON public.users USING btree (clinic_id, role);


--
-- Name: ix_users_team_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_users_team_id ON public.users USING btree (team_id) WHERE (team_id IS NOT NULL);


--
-- Name: ix_webhook_deliveries_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_webhook_deliveries_due ON public.webhook_deliveries USING btree (endpoint_id, next_attempt_at, id) WHERE (state = ANY (ARRAY['pending'::text, 'sending'::text]));


--
-- Name: ix_webhook_deliveries_lead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_webhook_deliveries_lead ON public.webhook_deliveries USING btree (lead_id) WHERE (lead_id IS NOT NULL);


--
-- Name: ix_webhook_deliveries_log; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_webhook_deliveries_log ON public.webhook_deliveries USING btree (endpoint_id, id);


--
-- Name: ix_webhook_deliveries_order; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_webhook_deliveries_order ON public.webhook_deliveries USING btree (endpoint_id, lead_id, id) WHERE (state = ANY (ARRAY['pending'::text, 'sending'::text]));


--
-- Name: ix_webhook_endpoints_clinic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_webhook_endpoints_clinic ON public.webhook_endpoints USING btree (clinic_id, id);


--
-- Name: uq_enrollments_exclusive; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_enrollments_exclusive ON public.enrollments USING btree (lead_id) WHERE (is_exclusive AND (state = ANY (ARRAY['active'::text, 'paused'::text])));


--
-- Name: uq_enrollments_live; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_enrollments_live ON public.enrollments USING btree (lead_id, sequence_id) WHERE (state = ANY (ARRAY['active'::text, 'paused'::text]));


--
-- Name: uq_gateways_default; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_gateways_default ON public.gateways USING btree (clinic_id) WHERE is_default;


--
-- Name: uq_jobs_client_key; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_jobs_client_key ON public.jobs USING btree (clinic_id, client_key) WHERE (client_key IS NOT NULL);


--
-- Name: uq_leads_external; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_leads_external ON public.leads USING btree (clinic_id, external_id, external_source) WHERE (external_id IS NOT NULL);


--
-- Name: uq_notice_destinations_url; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_notice_destinations_url ON public.notice_destinations USING btree (user_id, channel, url_blind);


--
-- Name: uq_rule_versions_draft; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_rule_versions_draft ON public.rule_versions USING btree (rule_id) WHERE (number IS NULL);


--
-- Name: uq_rules_slug; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_rules_slug ON public.rules USING btree (clinic_id, slug) WHERE (deleted_at IS NULL);


--
-- Name: uq_sequence_versions_draft; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_sequence_versions_draft ON public.sequence_versions USING btree (sequence_id) WHERE (number IS NULL);


--
-- Name: uq_sequences_slug; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_sequences_slug ON public.sequences USING btree (clinic_id, slug) WHERE (deleted_at IS NULL);


--
-- Name: uq_steps_dedupe_key; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_steps_dedupe_key ON public.steps USING btree (clinic_id, dedupe_key) WHERE (dedupe_key IS NOT NULL);


--
-- Name: uq_users_email; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_users_email ON public.users USING btree (lower(email));


--
-- Name: uq_webhook_deliveries_event; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_webhook_deliveries_event ON public.webhook_deliveries USING btree (endpoint_id, event_id);


--
-- Name: lead_rollup_groups_columns; Type: STATISTICS; Schema: public; Owner: -
--

CREATE STATISTICS public.lead_rollup_groups_columns (ndistinct) ON source_id, assigned_to_id, first_touch_source_id, last_touch_source_id, status, pipeline_stage, past_stages, lost_reason FROM public.lead_rollup_groups;


--
-- Name: audit_changes is_never_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER is_never_changed BEFORE UPDATE OR TRUNCATE ON public.audit_changes FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_to_forget();


--
-- Name: audit_entries is_never_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER is_never_changed BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_entries FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_to_forget();


--
-- Name: audit_seals is_never_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER is_never_changed BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_to_forget();


--
-- Name: lead_activities note_added_entry; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER note_added_entry AFTER INSERT ON public.lead_activities FOR EACH ROW WHEN (((new.type = 'STAGE_CHANGE'::text) AND (new.occurred_at < (now() - '12:00:00'::interval)))) EXECUTE FUNCTION public.note_entries_beside();


--
-- Name: leads note_added_lead; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER note_added_lead AFTER INSERT ON public.leads FOR EACH ROW WHEN ((new.created_at < (now() - '12:00:00'::interval))) EXECUTE FUNCTION public.note_rollup_change();


--
-- Name: lead_tasks note_added_task; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER note_added_task AFTER INSERT ON public.lead_tasks FOR EACH ROW WHEN ((new.due_at < (now() - '12:00:00'::interval))) EXECUTE FUNCTION public.note_task_rollup_change();


--
-- Name: lead_activities note_changed_entry; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER note_changed_entry AFTER UPDATE OF lead_id, type, new_stage, occurred_at ON public.lead_activities FOR EACH ROW WHEN (((('STAGE_CHANGE'::text = old.type) OR ('STAGE_CHANGE'::text = new.type)) AND (LEAST(old.occurred_at, new.occurred_at) < (now() - '12:00:00'::interval)) AND ((((old.lead_id IS DISTINCT FROM new.lead_id) OR (old.type IS DISTINCT FROM new.type)) OR (old.new_stage IS DISTINCT FROM new.new_stage)) OR (old.occurred_at IS DISTINCT FROM new.occurred_at)))) EXECUTE FUNCTION public.note_entries_beside();


--
-- Name: leads note_changed_lead; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER note_changed_lead AFTER UPDATE OF clinic_id, created_at, deleted_at, status, pipeline_stage, past_stages, source_id, assigned_to_id, capture_channel, lost_reason, first_touch_source_id, last_touch_source_id, lead_value, first_contact_at, converted_at, lost_at, past_stage_seconds, stage_entered_at, contacted_at, replied_at ON public.leads FOR EACH ROW WHEN (((LEAST(old.created_at, new.created_at) < (now() - '12:00:00'::interval)) AND ((((((((((((((((((((old.clinic_id IS DISTINCT FROM new.clinic_id) OR (old.created_at IS DISTINCT FROM new.created_at)) OR (old.deleted_at IS DISTINCT FROM new.deleted_at)) OR (old.status IS DISTINCT FROM new.status)) OR (old.pipeline_stage IS DISTINCT FROM new.pipeline_stage)) OR (old.past_stages IS DISTINCT FROM new.past_stages)) OR (old.source_id IS DISTINCT FROM new.source_id)) OR (old.assigned_to_id IS DISTINCT FROM new.assigned_to_id)) OR (old.capture_channel IS DISTINCT FROM new.capture_channel)) OR (old.lost_reason IS DISTINCT FROM new.lost_reason)) OR (old.first_touch_source_id IS DISTINCT FROM new.first_touch_source_id)) OR (old.last_touch_source_id IS DISTINCT FROM new.last_touch_source_id)) OR (old.lead_value IS DISTINCT FROM new.lead_value)) OR (old.first_contact_at IS DISTINCT FROM new.first_contact_at)) OR (old.converted_at IS DISTINCT FROM new.converted_at)) OR (old.lost_at IS DISTINCT FROM new.lost_at)) OR (old.past_stage_seconds IS DISTINCT FROM new.past_stage_seconds)) OR (old.stage_entered_at IS DISTINCT FROM new.stage_entered_at)) OR ((old.contacted_at IS NULL) IS DISTINCT FROM (new.contacted_at IS NULL))) OR ((old.replied_at IS NULL) IS DISTINCT FROM (new.replied_at IS NULL))))) EXECUTE FUNCTION public.note_rollup_change();


--
-- Name: lead_tasks note_changed_task; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER note_changed_task AFTER UPDATE OF status, clinic_id, lead_id, assigned_to_id, due_at, completed_at, deleted_at ON public.lead_tasks FOR EACH ROW WHEN (((LEAST(old.due_at, new.due_at) < (now() - '12:00:00'::interval)) AND ((((((((old.clinic_id IS DISTINCT FROM new.clinic_id) OR (old.lead_id IS DISTINCT FROM new.lead_id)) OR (old.assigned_to_id IS DISTINCT FROM new.assigned_to_id)) OR (old.due_at IS DISTINCT FROM new.due_at)) OR (old.completed_at IS DISTINCT FROM new.completed_at)) OR (old.deleted_at IS DISTINCT FROM new.deleted_at)) OR ((old.status = 'COMPLETED'::text) IS DISTINCT FROM (new.status = 'COMPLETED'::text))) OR ((old.status = 'CANCELLED'::text) IS DISTINCT FROM (new.status = 'CANCELLED'::text))))) EXECUTE FUNCTION public.note_task_rollup_change();


--
-- Name: leads note_entries_of_lead; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER note_entries_of_lead AFTER UPDATE OF deleted_at, created_at, past_stages, pipeline_stage ON public.leads FOR EACH ROW WHEN ((((old.deleted_at IS NULL) <> (new.deleted_at IS NULL)) OR (old.created_at <> new.created_at) OR (COALESCE(old.past_stages[1], old.pipeline_stage) <> COALESCE(new.past_stages[1], new.pipeline_stage)))) EXECUTE FUNCTION public.note_entries_of_lead();


--
-- Name: lead_tasks note_removed_task; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER note_removed_task AFTER DELETE ON public.lead_tasks FOR EACH ROW WHEN ((old.due_at < (now() - '12:00:00'::interval))) EXECUTE FUNCTION public.note_task_rollup_change();


--
-- Name: leads note_tasks_of_lead; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER note_tasks_of_lead AFTER UPDATE OF deleted_at ON public.leads FOR EACH ROW WHEN (((old.deleted_at IS NULL) <> (new.deleted_at IS NULL))) EXECUTE FUNCTION public.note_tasks_of_lead();


--
-- Name: absences fk_absences_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.absences
    ADD CONSTRAINT fk_absences_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: absences fk_absences_cover_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.absences
    ADD CONSTRAINT fk_absences_cover_id FOREIGN KEY (cover_id) REFERENCES public.users(id);


--
-- Name: absences fk_absences_user_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.absences
    ADD CONSTRAINT fk_absences_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- Name: api_keys fk_api_keys_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT fk_api_keys_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: api_keys fk_api_keys_created_by; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT fk_api_keys_created_by FOREIGN KEY (created_by) REFERENCES public.users(id);


--
-- Name: assignment_history fk_assignment_history_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.assignment_history
    ADD CONSTRAINT fk_assignment_history_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: assignment_rules fk_assignment_rules_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.assignment_rules
    ADD CONSTRAINT fk_assignment_rules_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: assignment_rules fk_assignment_rules_fallback_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.assignment_rules
    ADD CONSTRAINT fk_assignment_rules_fallback_id FOREIGN KEY (fallback_id) REFERENCES public.users(id);


--
-- Name: assignment_turns fk_assignment_turns_rule_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.assignment_turns
    ADD CONSTRAINT fk_assignment_turns_rule_id FOREIGN KEY (rule_id) REFERENCES public.assignment_rules(id) ON DELETE CASCADE;


--
-- Name: audit_seals fk_audit_seals_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_seals
    ADD CONSTRAINT fk_audit_seals_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: consents fk_consents_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consents
    ADD CONSTRAINT fk_consents_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: contact_hours fk_contact_hours_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.contact_hours
    ADD CONSTRAINT fk_contact_hours_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id) ON DELETE CASCADE;


--
-- Name: custom_fields fk_custom_fields_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.custom_fields
    ADD CONSTRAINT fk_custom_fields_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: deliveries fk_deliveries_notification_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT fk_deliveries_notification_id FOREIGN KEY (notification_id) REFERENCES public.notifications(id) ON DELETE CASCADE;


--
-- Name: enrollment_steps fk_enrollment_steps_enrollment_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.enrollment_steps
    ADD CONSTRAINT fk_enrollment_steps_enrollment_id FOREIGN KEY (enrollment_id) REFERENCES public.enrollments(id) ON DELETE CASCADE;


--
-- Name: enrollments fk_enrollments_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.enrollments
    ADD CONSTRAINT fk_enrollments_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: enrollments fk_enrollments_sequence_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.enrollments
    ADD CONSTRAINT fk_enrollments_sequence_id FOREIGN KEY (sequence_id) REFERENCES public.sequences(id);


--
-- Name: events fk_events_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events
    ADD CONSTRAINT fk_events_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: gateway_minutes fk_gateway_minutes_gateway_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.gateway_minutes
    ADD CONSTRAINT fk_gateway_minutes_gateway_id FOREIGN KEY (gateway_id) REFERENCES public.gateways(id) ON DELETE CASCADE;


--
-- Name: gateway_receipts fk_gateway_receipts_gateway_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.gateway_receipts
    ADD CONSTRAINT fk_gateway_receipts_gateway_id FOREIGN KEY (gateway_id) REFERENCES public.gateways(id) ON DELETE CASCADE;


--
-- Name: gateways fk_gateways_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.gateways
    ADD CONSTRAINT fk_gateways_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: import_rows fk_import_rows_import_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.import_rows
    ADD CONSTRAINT fk_import_rows_import_id FOREIGN KEY (import_id) REFERENCES public.imports(id) ON DELETE CASCADE;


--
-- Name: imports fk_imports_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.imports
    ADD CONSTRAINT fk_imports_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: inbound_emails fk_inbound_emails_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbound_emails
    ADD CONSTRAINT fk_inbound_emails_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: inbound_hooks fk_inbound_hooks_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbound_hooks
    ADD CONSTRAINT fk_inbound_hooks_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: inbound_raw_emails fk_inbound_raw_emails_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbound_raw_emails
    ADD CONSTRAINT fk_inbound_raw_emails_id FOREIGN KEY (id) REFERENCES public.inbound_emails(id) ON DELETE CASCADE;


--
-- Name: inbound_texts fk_inbound_texts_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbound_texts
    ADD CONSTRAINT fk_inbound_texts_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: job_items fk_job_items_job_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.job_items
    ADD CONSTRAINT fk_job_items_job_id FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;


--
-- Name: jobs fk_jobs_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT fk_jobs_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: lead_activities fk_lead_activities_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_activities
    ADD CONSTRAINT fk_lead_activities_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: lead_rollup_changes fk_lead_rollup_changes_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_changes
    ADD CONSTRAINT fk_lead_rollup_changes_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id) ON DELETE CASCADE;


--
-- Name: lead_rollup_counts fk_lead_rollup_counts_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_counts
    ADD CONSTRAINT fk_lead_rollup_counts_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id) ON DELETE CASCADE;


--
-- Name: lead_rollup_entries fk_lead_rollup_entries_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_entries
    ADD CONSTRAINT fk_lead_rollup_entries_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id) ON DELETE CASCADE;


--
-- Name: lead_rollup_groups fk_lead_rollup_groups_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_groups
    ADD CONSTRAINT fk_lead_rollup_groups_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id) ON DELETE CASCADE;


--
-- Name: lead_rollup_spans fk_lead_rollup_spans_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_spans
    ADD CONSTRAINT fk_lead_rollup_spans_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id) ON DELETE CASCADE;


--
-- Name: lead_rollup_stays fk_lead_rollup_stays_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_rollup_stays
    ADD CONSTRAINT fk_lead_rollup_stays_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id) ON DELETE CASCADE;


--
-- Name: lead_score_changes fk_lead_score_changes_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_score_changes
    ADD CONSTRAINT fk_lead_score_changes_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: lead_scores fk_lead_scores_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_scores
    ADD CONSTRAINT fk_lead_scores_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: lead_source_costs fk_lead_source_costs_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_source_costs
    ADD CONSTRAINT fk_lead_source_costs_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: lead_source_costs fk_lead_source_costs_source_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_source_costs
    ADD CONSTRAINT fk_lead_source_costs_source_id FOREIGN KEY (source_id) REFERENCES public.lead_sources(id);


--
-- Name: lead_sources fk_lead_sources_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_sources
    ADD CONSTRAINT fk_lead_sources_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: lead_tasks fk_lead_tasks_assigned_to_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_tasks
    ADD CONSTRAINT fk_lead_tasks_assigned_to_id FOREIGN KEY (assigned_to_id) REFERENCES public.users(id);


--
-- Name: lead_tasks fk_lead_tasks_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_tasks
    ADD CONSTRAINT fk_lead_tasks_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: lead_touches fk_lead_touches_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_touches
    ADD CONSTRAINT fk_lead_touches_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: lead_views fk_lead_views_user_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lead_views
    ADD CONSTRAINT fk_lead_views_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- Name: leads fk_leads_assigned_to_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT fk_leads_assigned_to_id FOREIGN KEY (assigned_to_id) REFERENCES public.users(id);


--
-- Name: leads fk_leads_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT fk_leads_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: leads fk_leads_source_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT fk_leads_source_id FOREIGN KEY (source_id) REFERENCES public.lead_sources(id);


--
-- Name: mailboxes fk_mailboxes_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mailboxes
    ADD CONSTRAINT fk_mailboxes_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: message_template_versions fk_message_template_versions_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message_template_versions
    ADD CONSTRAINT fk_message_template_versions_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: message_template_versions fk_message_template_versions_template_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message_template_versions
    ADD CONSTRAINT fk_message_template_versions_template_id FOREIGN KEY (template_id) REFERENCES public.message_templates(id) ON DELETE CASCADE;


--
-- Name: message_templates fk_message_templates_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message_templates
    ADD CONSTRAINT fk_message_templates_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: next_action_answers fk_next_action_answers_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.next_action_answers
    ADD CONSTRAINT fk_next_action_answers_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: notice_destinations fk_notice_destinations_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notice_destinations
    ADD CONSTRAINT fk_notice_destinations_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: notice_destinations fk_notice_destinations_user_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notice_destinations
    ADD CONSTRAINT fk_notice_destinations_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: notice_preferences fk_notice_preferences_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notice_preferences
    ADD CONSTRAINT fk_notice_preferences_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: notice_preferences fk_notice_preferences_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notice_preferences
    ADD CONSTRAINT fk_notice_preferences_id FOREIGN KEY (id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: notifications fk_notifications_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT fk_notifications_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: notifications fk_notifications_user_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT fk_notifications_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- Name: nurture_runs fk_nurture_runs_nurture_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nurture_runs
    ADD CONSTRAINT fk_nurture_runs_nurture_id FOREIGN KEY (nurture_id) REFERENCES public.nurtures(id) ON DELETE CASCADE;


--
-- Name: nurtures fk_nurtures_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nurtures
    ADD CONSTRAINT fk_nurtures_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: password_links fk_password_links_user_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.password_links
    ADD CONSTRAINT fk_password_links_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: pipeline_stages fk_pipeline_stages_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pipeline_stages
    ADD CONSTRAINT fk_pipeline_stages_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: roles fk_roles_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.roles
    ADD CONSTRAINT fk_roles_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: rule_versions fk_rule_versions_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rule_versions
    ADD CONSTRAINT fk_rule_versions_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: rule_versions fk_rule_versions_rule_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rule_versions
    ADD CONSTRAINT fk_rule_versions_rule_id FOREIGN KEY (rule_id) REFERENCES public.rules(id) ON DELETE CASCADE;


--
-- Name: rules fk_rules_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rules
    ADD CONSTRAINT fk_rules_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: saved_reports fk_saved_reports_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.saved_reports
    ADD CONSTRAINT fk_saved_reports_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: saved_reports fk_saved_reports_user_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.saved_reports
    ADD CONSTRAINT fk_saved_reports_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- Name: score_models fk_score_models_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.score_models
    ADD CONSTRAINT fk_score_models_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: score_tables fk_score_tables_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.score_tables
    ADD CONSTRAINT fk_score_tables_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: sending_account_counts fk_sending_account_counts_account_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sending_account_counts
    ADD CONSTRAINT fk_sending_account_counts_account_id FOREIGN KEY (account_id) REFERENCES public.sending_accounts(id) ON DELETE CASCADE;


--
-- Name: sending_accounts fk_sending_accounts_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sending_accounts
    ADD CONSTRAINT fk_sending_accounts_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: sequence_versions fk_sequence_versions_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sequence_versions
    ADD CONSTRAINT fk_sequence_versions_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: sequence_versions fk_sequence_versions_sequence_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sequence_versions
    ADD CONSTRAINT fk_sequence_versions_sequence_id FOREIGN KEY (sequence_id) REFERENCES public.sequences(id) ON DELETE CASCADE;


--
-- Name: sequences fk_sequences_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sequences
    ADD CONSTRAINT fk_sequences_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: sign_ins fk_sign_ins_user_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sign_ins
    ADD CONSTRAINT fk_sign_ins_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: steps fk_steps_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.steps
    ADD CONSTRAINT fk_steps_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: suppressions fk_suppressions_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT fk_suppressions_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: task_rollup_changes fk_task_rollup_changes_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_rollup_changes
    ADD CONSTRAINT fk_task_rollup_changes_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id) ON DELETE CASCADE;


--
-- Name: task_rollup_days fk_task_rollup_days_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_rollup_days
    ADD CONSTRAINT fk_task_rollup_days_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id) ON DELETE CASCADE;


--
-- Name: task_templates fk_task_templates_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_templates
    ADD CONSTRAINT fk_task_templates_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: task_views fk_task_views_user_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_views
    ADD CONSTRAINT fk_task_views_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- Name: teams fk_teams_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.teams
    ADD CONSTRAINT fk_teams_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: tracked_links fk_tracked_links_notification_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tracked_links
    ADD CONSTRAINT fk_tracked_links_notification_id FOREIGN KEY (notification_id) REFERENCES public.notifications(id) ON DELETE CASCADE;


--
-- Name: tracked_messages fk_tracked_messages_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tracked_messages
    ADD CONSTRAINT fk_tracked_messages_id FOREIGN KEY (id) REFERENCES public.notifications(id) ON DELETE CASCADE;


--
-- Name: tracking_hits fk_tracking_hits_notification_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tracking_hits
    ADD CONSTRAINT fk_tracking_hits_notification_id FOREIGN KEY (notification_id) REFERENCES public.notifications(id) ON DELETE CASCADE;


--
-- Name: users fk_users_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT fk_users_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: users fk_users_team_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT fk_users_team_id FOREIGN KEY (team_id) REFERENCES public.teams(id);


--
-- Name: web_forms fk_web_forms_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.web_forms
    ADD CONSTRAINT fk_web_forms_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: web_forms fk_web_forms_source_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.web_forms
    ADD CONSTRAINT fk_web_forms_source_id FOREIGN KEY (source_id) REFERENCES public.lead_sources(id);


--
-- Name: webhook_deliveries fk_webhook_deliveries_lead_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_deliveries
    ADD CONSTRAINT fk_webhook_deliveries_lead_id FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;


--
-- Name: webhook_endpoints fk_webhook_endpoints_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT fk_webhook_endpoints_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: working_hours fk_working_hours_clinic_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.working_hours
    ADD CONSTRAINT fk_working_hours_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinics(id);


--
-- Name: working_hours fk_working_hours_user_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.working_hours
    ADD CONSTRAINT fk_working_hours_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- Name: absences; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.absences ENABLE ROW LEVEL SECURITY;

--
-- Name: api_keys; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: assignment_history; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.assignment_history ENABLE ROW LEVEL SECURITY;

--
-- Name: assignment_rules; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.assignment_rules ENABLE ROW LEVEL SECURITY;

--
-- Name: assignment_turns; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.assignment_turns ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_changes; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_changes ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_entries; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_entries ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_seals; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_seals ENABLE ROW LEVEL SECURITY;

--
-- Name: clinics; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.clinics ENABLE ROW LEVEL SECURITY;

--
-- Name: consents; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.consents ENABLE ROW LEVEL SECURITY;

--
-- Name: contact_hours; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.contact_hours ENABLE ROW LEVEL SECURITY;

--
-- Name: custom_fields; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.custom_fields ENABLE ROW LEVEL SECURITY;

--
-- Name: deliveries; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.deliveries ENABLE ROW LEVEL SECURITY;

--
-- Name: enrollment_steps; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.enrollment_steps ENABLE ROW LEVEL SECURITY;

--
-- Name: enrollments; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.enrollments ENABLE ROW LEVEL SECURITY;

--
-- Name: events; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.events ENABLE ROW LEVEL SECURITY;

--
-- Name: absences everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.absences TO relance_app USING (true);


--
-- Name: api_keys everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.api_keys TO relance_app USING (true);


--
-- Name: assignment_history everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.assignment_history TO relance_app USING (true);


--
-- Name: assignment_rules everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.assignment_rules TO relance_app USING (true);


--
-- Name: assignment_turns everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.assignment_turns TO relance_app USING (true);


--
-- Name: audit_changes everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.audit_changes TO relance_app USING (true);


--
-- Name: audit_entries everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.audit_entries TO relance_app USING (true);


--
-- Name: audit_seals everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.audit_seals TO relance_app USING (true);


--
-- Name: clinics everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.clinics TO relance_app USING (true);


--
-- Name: consents everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.consents TO relance_app USING (true);


--
-- Name: contact_hours everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.contact_hours TO relance_app USING (true);


--
-- Name: custom_fields everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.custom_fields TO relance_app USING (true);


--
-- Name: deliveries everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.deliveries TO relance_app USING (true);


--
-- Name: enrollment_steps everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.enrollment_steps TO relance_app USING (true);


--
-- Name: enrollments everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.enrollments TO relance_app USING (true);


--
-- Name: events everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.events TO relance_app USING (true);


--
-- Name: gateway_minutes everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.gateway_minutes TO relance_app USING (true);


--
-- Name: gateway_receipts everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.gateway_receipts TO relance_app USING (true);


--
-- Name: gateways everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.gateways TO relance_app USING (true);


--
-- Name: import_rows everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.import_rows TO relance_app USING (true);


--
-- Name: imports everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.imports TO relance_app USING (true);


--
-- Name: inbound_emails everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.inbound_emails TO relance_app USING (true);


--
-- Name: inbound_hooks everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.inbound_hooks TO relance_app USING (true);


--
-- Name: inbound_raw_emails everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.inbound_raw_emails TO relance_app USING (true);


--
-- Name: inbound_texts everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.inbound_texts TO relance_app USING (true);


--
-- Name: job_items everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.job_items TO relance_app USING (true);


--
-- Name: jobs everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.jobs TO relance_app USING (true);


--
-- Name: kept_answers everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.kept_answers TO relance_app USING (true);


--
-- Name: lead_activities everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_activities TO relance_app USING (true);


--
-- Name: lead_rollup_changes everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_rollup_changes TO relance_app USING (true);


--
-- Name: lead_rollup_counts everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_rollup_counts TO relance_app USING (true);


--
-- Name: lead_rollup_entries everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_rollup_entries TO relance_app USING (true);


--
-- Name: lead_rollup_groups everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_rollup_groups TO relance_app USING (true);


--
-- Name: lead_rollup_spans everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_rollup_spans TO relance_app USING (true);


--
-- Name: lead_rollup_stays everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_rollup_stays TO relance_app USING (true);


--
-- Name: lead_score_changes everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_score_changes TO relance_app USING (true);


--
-- Name: lead_scores everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_scores TO relance_app USING (true);


--
-- Name: lead_source_costs everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_source_costs TO relance_app USING (true);


--
-- Name: lead_sources everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_sources TO relance_app USING (true);


--
-- Name: lead_tasks everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_tasks TO relance_app USING (true);


--
-- Name: lead_touches everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_touches TO relance_app USING (true);


--
-- Name: lead_views everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.lead_views TO relance_app USING (true);


--
-- Name: leads everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.leads TO relance_app USING (true);


--
-- Name: mailboxes everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.mailboxes TO relance_app USING (true);


--
-- Name: message_template_versions everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.message_template_versions TO relance_app USING (true);


--
-- Name: message_templates everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.message_templates TO relance_app USING (true);


--
-- Name: next_action_answers everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.next_action_answers TO relance_app USING (true);


--
-- Name: notice_destinations everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.notice_destinations TO relance_app USING (true);


--
-- Name: notice_preferences everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.notice_preferences TO relance_app USING (true);


--
-- Name: notifications everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.notifications TO relance_app USING (true);


--
-- Name: nurture_runs everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.nurture_runs TO relance_app USING (true);


--
-- Name: nurtures everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.nurtures TO relance_app USING (true);


--
-- Name: password_links everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.password_links TO relance_app USING (true);


--
-- Name: pipeline_stages everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.pipeline_stages TO relance_app USING (true);


--
-- Name: roles everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.roles TO relance_app USING (true);


--
-- Name: rule_versions everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.rule_versions TO relance_app USING (true);


--
-- Name: rules everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.rules TO relance_app USING (true);


--
-- Name: saved_reports everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.saved_reports TO relance_app USING (true);


--
-- Name: score_models everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.score_models TO relance_app USING (true);


--
-- Name: score_tables everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.score_tables TO relance_app USING (true);


--
-- Name: sending_account_counts everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.sending_account_counts TO relance_app USING (true);


--
-- Name: sending_accounts everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.sending_accounts TO relance_app USING (true);


--
-- Name: sequence_versions everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.sequence_versions TO relance_app USING (true);


--
-- Name: sequences everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.sequences TO relance_app USING (true);


--
-- Name: series_hours everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.series_hours TO relance_app USING (true);


--
-- Name: sign_ins everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.sign_ins TO relance_app USING (true);


--
-- Name: steps everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.steps TO relance_app USING (true);


--
-- Name: suppressions everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.suppressions TO relance_app USING (true);


--
-- Name: task_rollup_changes everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.task_rollup_changes TO relance_app USING (true);


--
-- Name: task_rollup_days everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.task_rollup_days TO relance_app USING (true);


--
-- Name: task_templates everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.task_templates TO relance_app USING (true);


--
-- Name: task_views everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.task_views TO relance_app USING (true);


--
-- Name: teams everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.teams TO relance_app USING (true);


--
-- Name: text_receipts everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.text_receipts TO relance_app USING (true);


--
-- Name: tracked_links everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.tracked_links TO relance_app USING (true);


--
-- Name: tracked_messages everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.tracked_messages TO relance_app USING (true);


--
-- Name: tracking_hits everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.tracking_hits TO relance_app USING (true);


--
-- Name: users everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.users TO relance_app USING (true);


--
-- Name: web_forms everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.web_forms TO relance_app USING (true);


--
-- Name: webhook_deliveries everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.webhook_deliveries TO relance_app USING (true);


--
-- Name: webhook_endpoints everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.webhook_endpoints TO relance_app USING (true);


--
-- Name: working_hours everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.working_hours TO relance_app USING (true);


--
-- Name: gateway_minutes; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.gateway_minutes ENABLE ROW LEVEL SECURITY;

--
-- Name: gateway_receipts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.gateway_receipts ENABLE ROW LEVEL SECURITY;

--
-- Name: gateways; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.gateways ENABLE ROW LEVEL SECURITY;

--
-- Name: import_rows; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.import_rows ENABLE ROW LEVEL SECURITY;

--
-- Name: imports; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.imports ENABLE ROW LEVEL SECURITY;

--
-- Name: inbound_emails; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.inbound_emails ENABLE ROW LEVEL SECURITY;

--
-- Name: inbound_hooks; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.inbound_hooks ENABLE ROW LEVEL SECURITY;

--
-- Name: inbound_raw_emails; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.inbound_raw_emails ENABLE ROW LEVEL SECURITY;

--
-- Name: inbound_texts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.inbound_texts ENABLE ROW LEVEL SECURITY;

--
-- Name: job_items; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.job_items ENABLE ROW LEVEL SECURITY;

--
-- Name: jobs; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.jobs ENABLE ROW LEVEL SECURITY;

--
-- Name: kept_answers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.kept_answers ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_activities; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_activities ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_rollup_changes; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_rollup_changes ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_rollup_counts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_rollup_counts ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_rollup_entries; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_rollup_entries ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_rollup_groups; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_rollup_groups ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_rollup_spans; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_rollup_spans ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_rollup_stays; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_rollup_stays ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_score_changes; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_score_changes ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_scores; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_scores ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_source_costs; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_source_costs ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_sources; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_sources ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_tasks; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_tasks ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_touches; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_touches ENABLE ROW LEVEL SECURITY;

--
-- Name: lead_views; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lead_views ENABLE ROW LEVEL SECURITY;

--
-- Name: leads; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.leads ENABLE ROW LEVEL SECURITY;

--
-- Name: mailboxes; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.mailboxes ENABLE ROW LEVEL SECURITY;

--
-- Name: message_template_versions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.message_template_versions ENABLE ROW LEVEL SECURITY;

--
-- Name: message_templates; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.message_templates ENABLE ROW LEVEL SECURITY;

--
-- Name: next_action_answers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.next_action_answers ENABLE ROW LEVEL SECURITY;

--
-- Name: notice_destinations; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.notice_destinations ENABLE ROW LEVEL SECURITY;

--
-- Name: notice_preferences; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.notice_preferences ENABLE ROW LEVEL SECURITY;

--
-- Name: notifications; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.notifications ENABLE ROW LEVEL SECURITY;

--
-- Name: nurture_runs; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.nurture_runs ENABLE ROW LEVEL SECURITY;

--
-- Name: nurtures; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.nurtures ENABLE ROW LEVEL SECURITY;

--
-- Name: absences own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.absences TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: api_keys own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.api_keys TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: assignment_history own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.assignment_history TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: assignment_rules own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.assignment_rules TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: assignment_turns own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.assignment_turns TO relance_clinic USING ((EXISTS ( SELECT
   FROM public.assignment_rules parent
  WHERE (parent.id = assignment_turns.rule_id)))) WITH CHECK ((EXISTS ( SELECT
   FROM public.assignment_rules parent
  WHERE (parent.id = assignment_turns.rule_id))));


--
-- Name: audit_changes own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.audit_changes TO relance_clinic USING (((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid) OR ((clinic_id IS NULL) AND (EXISTS ( SELECT
   FROM public.audit_entries e
  WHERE (e.number = audit_changes.entry)))))) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: audit_entries own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.audit_entries TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: audit_seals own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.audit_seals TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: clinics own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.clinics TO relance_clinic USING ((id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: consents own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.consents TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: contact_hours own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.contact_hours TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: custom_fields own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.custom_fields TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: deliveries own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.deliveries TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: enrollment_steps own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.enrollment_steps TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: enrollments own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.enrollments TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: events own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.events TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: gateway_minutes own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.gateway_minutes TO relance_clinic USING ((EXISTS ( SELECT
   FROM public.gateways parent
  WHERE (parent.id = gateway_minutes.gateway_id)))) WITH CHECK ((EXISTS ( SELECT
   FROM public.gateways parent
  WHERE (parent.id = gateway_minutes.gateway_id))));


--
-- Name: gateway_receipts own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.gateway_receipts TO relance_clinic USING ((EXISTS ( SELECT
   FROM public.gateways parent
  WHERE (parent.id = gateway_receipts.gateway_id)))) WITH CHECK ((EXISTS ( SELECT
   FROM public.gateways parent
  WHERE (parent.id = gateway_receipts.gateway_id))));


--
-- Name: gateways own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.gateways TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: import_rows own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.import_rows TO relance_clinic USING ((EXISTS ( SELECT
   FROM public.imports parent
  WHERE (parent.id = import_rows.import_id)))) WITH CHECK ((EXISTS ( SELECT
   FROM public.imports parent
  WHERE (parent.id = import_rows.import_id))));


--
-- Name: imports own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.imports TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: inbound_emails own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.inbound_emails TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: inbound_hooks own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.inbound_hooks TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: inbound_raw_emails own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.inbound_raw_emails TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: inbound_texts own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.inbound_texts TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: job_items own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.job_items TO relance_clinic USING ((EXISTS ( SELECT
   FROM public.jobs parent
  WHERE (parent.id = job_items.job_id)))) WITH CHECK ((EXISTS ( SELECT
   FROM public.jobs parent
  WHERE (parent.id = job_items.job_id))));


--
-- Name: jobs own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.jobs TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: kept_answers own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.kept_answers TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_activities own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_activities TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_rollup_changes own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_rollup_changes TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_rollup_counts own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_rollup_counts TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_rollup_entries own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_rollup_entries TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_rollup_groups own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_rollup_groups TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_rollup_spans own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_rollup_spans TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_rollup_stays own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_rollup_stays TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_score_changes own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_score_changes TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_scores own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_scores TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_source_costs own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_source_costs TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_sources own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_sources TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_tasks own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_tasks TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_touches own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_touches TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: lead_views own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.lead_views TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: leads own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.leads TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: mailboxes own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.mailboxes TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: message_template_versions own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.message_template_versions TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: message_templates own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.message_templates TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: next_action_answers own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.next_action_answers TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: notice_destinations own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.notice_destinations TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: notice_preferences own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.notice_preferences TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: notifications own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.notifications TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: nurture_runs own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.nurture_runs TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: nurtures own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.nurtures TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: password_links own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.password_links TO relance_clinic USING ((EXISTS ( SELECT
   FROM public.users parent
  WHERE (parent.id = password_links.user_id)))) WITH CHECK ((EXISTS ( SELECT
   FROM public.users parent
  WHERE (parent.id = password_links.user_id))));


--
-- Name: pipeline_stages own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.pipeline_stages TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: roles own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.roles TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: rule_versions own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.rule_versions TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: rules own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.rules TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: saved_reports own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.saved_reports TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: score_models own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.score_models TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: score_tables own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.score_tables TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: sending_account_counts own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.sending_account_counts TO relance_clinic USING ((EXISTS ( SELECT
   FROM public.sending_accounts parent
  WHERE (parent.id = sending_account_counts.account_id)))) WITH CHECK ((EXISTS ( SELECT
   FROM public.sending_accounts parent
  WHERE (parent.id = sending_account_counts.account_id))));


--
-- Name: sending_accounts own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.sending_accounts TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: sequence_versions own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.sequence_versions TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: sequences own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.sequences TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: series_hours own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.series_hours TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: sign_ins own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.sign_ins TO relance_clinic USING ((EXISTS ( SELECT
   FROM public.users parent
  WHERE (parent.id = sign_ins.user_id)))) WITH CHECK ((EXISTS ( SELECT
   FROM public.users parent
  WHERE (parent.id = sign_ins.user_id))));


--
-- Name: steps own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.steps TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: suppressions own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.suppressions TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: task_rollup_changes own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.task_rollup_changes TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: task_rollup_days own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.task_rollup_days TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: task_templates own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.task_templates TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: task_views own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.task_views TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: teams own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.teams TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: text_receipts own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.text_receipts TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: tracked_links own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.tracked_links TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: tracked_messages own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.tracked_messages TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: tracking_hits own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.tracking_hits TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: users own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.users TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: web_forms own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.web_forms TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: webhook_deliveries own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.webhook_deliveries TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: webhook_endpoints own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.webhook_endpoints TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: working_hours own_clinic; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own_clinic ON public.working_hours TO relance_clinic USING ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid)) WITH CHECK ((clinic_id = (NULLIF(current_setting('relance.clinic'::text, true), ''::text))::uuid));


--
-- Name: password_links; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.password_links ENABLE ROW LEVEL SECURITY;

--
-- Name: pipeline_stages; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.pipeline_stages ENABLE ROW LEVEL SECURITY;

--
-- Name: roles; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.roles ENABLE ROW LEVEL SECURITY;

--
-- Name: rule_versions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.rule_versions ENABLE ROW LEVEL SECURITY;

--
-- Name: rules; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.rules ENABLE ROW LEVEL SECURITY;

--
-- Name: saved_reports; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.saved_reports ENABLE ROW LEVEL SECURITY;

--
-- Name: score_models; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.score_models ENABLE ROW LEVEL SECURITY;

--
-- Name: score_tables; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.score_tables ENABLE ROW LEVEL SECURITY;

--
-- Name: sending_account_counts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sending_account_counts ENABLE ROW LEVEL SECURITY;

--
-- Name: sending_accounts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sending_accounts ENABLE ROW LEVEL SECURITY;

--
-- Name: sequence_versions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sequence_versions ENABLE ROW LEVEL SECURITY;

--
-- Name: sequences; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sequences ENABLE ROW LEVEL SECURITY;

--
-- Name: series_hours; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.series_hours ENABLE ROW LEVEL SECURITY;

--
-- Name: sign_ins; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sign_ins ENABLE ROW LEVEL SECURITY;

--
-- Name: steps; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.steps ENABLE ROW LEVEL SECURITY;

--
-- Name: suppressions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.suppressions ENABLE ROW LEVEL SECURITY;

--
-- Name: task_rollup_changes; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.task_rollup_changes ENABLE ROW LEVEL SECURITY;

--
-- Name: task_rollup_days; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.task_rollup_days ENABLE ROW LEVEL SECURITY;

--
-- Name: task_templates; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.task_templates ENABLE ROW LEVEL SECURITY;

--
-- Name: task_views; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.task_views ENABLE ROW LEVEL SECURITY;

--
-- Name: teams; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.teams ENABLE ROW LEVEL SECURITY;

--
-- Name: text_receipts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.text_receipts ENABLE ROW LEVEL SECURITY;

--
-- Name: tracked_links; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.tracked_links ENABLE ROW LEVEL SECURITY;

--
-- Name: tracked_messages; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.tracked_messages ENABLE ROW LEVEL SECURITY;

--
-- Name: tracking_hits; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.tracking_hits ENABLE ROW LEVEL SECURITY;

--
-- Name: users; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;

--
-- Name: web_forms; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.web_forms ENABLE ROW LEVEL SECURITY;

--
-- Name: webhook_deliveries; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.webhook_deliveries ENABLE ROW LEVEL SECURITY;

--
-- Name: webhook_endpoints; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.webhook_endpoints ENABLE ROW LEVEL SECURITY;

--
-- Name: working_hours; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.working_hours ENABLE ROW LEVEL SECURITY;

--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA public TO relance_app;
GRANT USAGE ON SCHEMA public TO relance_clinic;


--
-- Name: FUNCTION clinic_outages(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.clinic_outages() FROM PUBLIC;
GRANT ALL ON FUNCTION public.clinic_outages() TO relance_app;
GRANT ALL ON FUNCTION public.clinic_outages() TO relance_clinic;


--
-- Name: FUNCTION folded_name(name text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.folded_name(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.folded_name(name text) TO relance_app;
GRANT ALL ON FUNCTION public.folded_name(name text) TO relance_clinic;


--
-- Name: FUNCTION leads_named(wanted text, most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.leads_named(wanted text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.leads_named(wanted text, most integer) TO relance_app;
GRANT ALL ON FUNCTION public.leads_named(wanted text, most integer) TO relance_clinic;


--
-- Name: FUNCTION leads_tagged(wanted text, most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.leads_tagged(wanted text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.leads_tagged(wanted text, most integer) TO relance_app;
GRANT ALL ON FUNCTION public.leads_tagged(wanted text, most integer) TO relance_clinic;


--
-- Name: FUNCTION tasks_saying(wanted text, most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.tasks_saying(wanted text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.tasks_saying(wanted text, most integer) TO relance_app;
GRANT ALL ON FUNCTION public.tasks_saying(wanted text, most integer) TO relance_clinic;


--
-- Name: FUNCTION tasks_tagged(wanted text, most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.tasks_tagged(wanted text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.tasks_tagged(wanted text, most integer) TO relance_app;
GRANT ALL ON FUNCTION public.tasks_tagged(wanted text, most integer) TO relance_clinic;


--
-- Name: TABLE absences; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.absences TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.absences TO relance_clinic;


--
-- Name: TABLE alembic_version; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.alembic_version TO relance_app;


--
-- Name: TABLE api_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_keys TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_keys TO relance_clinic;


--
-- Name: TABLE assignment_history; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assignment_history TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assignment_history TO relance_clinic;


--
-- Name: TABLE assignment_rules; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assignment_rules TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assignment_rules TO relance_clinic;


--
-- Name: TABLE assignment_turns; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assignment_turns TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assignment_turns TO relance_clinic;


--
-- Name: TABLE audit_changes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.audit_changes TO relance_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.audit_changes TO relance_clinic;


--
-- Name: TABLE audit_entries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.audit_entries TO relance_app;
GRANT SELECT,INSERT ON TABLE public.audit_entries TO relance_clinic;


--
-- Name: TABLE audit_seals; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.audit_seals TO relance_app;
GRANT SELECT,INSERT ON TABLE public.audit_seals TO relance_clinic;


--
-- Name: TABLE channel_outages; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.channel_outages TO relance_app;


--
-- Name: TABLE clinics; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.clinics TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.clinics TO relance_clinic;


--
-- Name: TABLE consents; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.consents TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.consents TO relance_clinic;


--
-- Name: TABLE contact_hours; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.contact_hours TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.contact_hours TO relance_clinic;


--
-- Name: TABLE counters; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.counters TO relance_app;


--
-- Name: TABLE custom_fields; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.custom_fields TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.custom_fields TO relance_clinic;


--
-- Name: TABLE deliveries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.deliveries TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.deliveries TO relance_clinic;


--
-- Name: TABLE enrollment_steps; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.enrollment_steps TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.enrollment_steps TO relance_clinic;


--
-- Name: TABLE enrollments; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.enrollments TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.enrollments TO relance_clinic;


--
-- Name: TABLE events; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.events TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.events TO relance_clinic;


--
-- Name: TABLE gateway_minutes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.gateway_minutes TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.gateway_minutes TO relance_clinic;


--
-- Name: TABLE gateway_receipts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.gateway_receipts TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.gateway_receipts TO relance_clinic;


--
-- Name: TABLE gateways; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.gateways TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.gateways TO relance_clinic;


--
-- Name: TABLE holds; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.holds TO relance_app;
GRANT SELECT ON TABLE public.holds TO relance_clinic;


--
-- Name: TABLE import_rows; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.import_rows TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.import_rows TO relance_clinic;


--
-- Name: TABLE imports; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.imports TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.imports TO relance_clinic;


--
-- Name: TABLE inbound_emails; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbound_emails TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbound_emails TO relance_clinic;


--
-- Name: TABLE inbound_hooks; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbound_hooks TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbound_hooks TO relance_clinic;


--
-- Name: TABLE inbound_raw_emails; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbound_raw_emails TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbound_raw_emails TO relance_clinic;


--
-- Name: TABLE inbound_texts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbound_texts TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbound_texts TO relance_clinic;


--
-- Name: TABLE job_items; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.job_items TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.job_items TO relance_clinic;


--
-- Name: TABLE jobs; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.jobs TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.jobs TO relance_clinic;


--
-- Name: TABLE kept_answers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.kept_answers TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.kept_answers TO relance_clinic;


--
-- Name: TABLE key_checks; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.key_checks TO relance_app;


--
-- Name: TABLE lead_activities; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_activities TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_activities TO relance_clinic;


--
-- Name: TABLE lead_rollup_changes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_rollup_changes TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_rollup_changes TO relance_clinic;


--
-- Name: TABLE lead_rollup_counts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_rollup_counts TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_rollup_counts TO relance_clinic;


--
-- Name: TABLE lead_rollup_entries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_rollup_entries TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_rollup_entries TO relance_clinic;


--
-- Name: TABLE lead_rollup_groups; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_rollup_groups TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_rollup_groups TO relance_clinic;


--
-- Name: TABLE lead_rollup_spans; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_rollup_spans TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_rollup_spans TO relance_clinic;


--
-- Name: TABLE lead_rollup_stays; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_rollup_stays TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_rollup_stays TO relance_clinic;


--
-- Name: TABLE lead_score_changes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_score_changes TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_score_changes TO relance_clinic;


--
-- Name: TABLE lead_scores; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_scores TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_scores TO relance_clinic;


--
-- Name: TABLE lead_source_costs; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_source_costs TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_source_costs TO relance_clinic;


--
-- Name: TABLE lead_sources; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_sources TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_sources TO relance_clinic;


--
-- Name: TABLE lead_tasks; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_tasks TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_tasks TO relance_clinic;


--
-- Name: TABLE lead_touches; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_touches TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_touches TO relance_clinic;


--
-- Name: TABLE lead_views; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_views TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lead_views TO relance_clinic;


--
-- Name: TABLE leads; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.leads TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.leads TO relance_clinic;


--
-- Name: TABLE mailboxes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.mailboxes TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.mailboxes TO relance_clinic;


--
-- Name: TABLE message_template_versions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.message_template_versions TO relance_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.message_template_versions TO relance_clinic;


--
-- Name: TABLE message_templates; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.message_templates TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.message_templates TO relance_clinic;


--
-- Name: TABLE next_action_answers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.next_action_answers TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.next_action_answers TO relance_clinic;


--
-- Name: TABLE notice_destinations; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notice_destinations TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notice_destinations TO relance_clinic;


--
-- Name: TABLE notice_preferences; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notice_preferences TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notice_preferences TO relance_clinic;


--
-- Name: TABLE notifications; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notifications TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notifications TO relance_clinic;


--
-- Name: TABLE nurture_runs; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.nurture_runs TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.nurture_runs TO relance_clinic;


--
-- Name: TABLE nurtures; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.nurtures TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.nurtures TO relance_clinic;


--
-- Name: TABLE password_links; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.password_links TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.password_links TO relance_clinic;


--
-- Name: TABLE pipeline_stages; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.pipeline_stages TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.pipeline_stages TO relance_clinic;


--
-- Name: TABLE rate_counters; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rate_counters TO relance_app;


--
-- Name: TABLE roles; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.roles TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.roles TO relance_clinic;


--
-- Name: TABLE rule_versions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rule_versions TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rule_versions TO relance_clinic;


--
-- Name: TABLE rules; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rules TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rules TO relance_clinic;


--
-- Name: TABLE saved_reports; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.saved_reports TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.saved_reports TO relance_clinic;


--
-- Name: TABLE score_models; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.score_models TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.score_models TO relance_clinic;


--
-- Name: TABLE score_tables; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.score_tables TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.score_tables TO relance_clinic;


--
-- Name: TABLE sending_account_counts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sending_account_counts TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sending_account_counts TO relance_clinic;


--
-- Name: TABLE sending_accounts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sending_accounts TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sending_accounts TO relance_clinic;


--
-- Name: TABLE sequence_versions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sequence_versions TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sequence_versions TO relance_clinic;


--
-- Name: TABLE sequences; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sequences TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sequences TO relance_clinic;


--
-- Name: TABLE series_hours; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.series_hours TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.series_hours TO relance_clinic;


--
-- Name: TABLE sign_ins; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sign_ins TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sign_ins TO relance_clinic;


--
-- Name: TABLE steps; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.steps TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.steps TO relance_clinic;


--
-- Name: TABLE suppressions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.suppressions TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.suppressions TO relance_clinic;


--
-- Name: TABLE sweep_runs; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sweep_runs TO relance_app;
GRANT SELECT ON TABLE public.sweep_runs TO relance_clinic;


--
-- Name: TABLE task_rollup_changes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.task_rollup_changes TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.task_rollup_changes TO relance_clinic;


--
-- Name: TABLE task_rollup_days; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.task_rollup_days TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.task_rollup_days TO relance_clinic;


--
-- Name: TABLE task_templates; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.task_templates TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.task_templates TO relance_clinic;


--
-- Name: TABLE task_views; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.task_views TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.task_views TO relance_clinic;


--
-- Name: TABLE teams; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.teams TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.teams TO relance_clinic;


--
-- Name: TABLE text_receipts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.text_receipts TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.text_receipts TO relance_clinic;


--
-- Name: TABLE tracked_links; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tracked_links TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tracked_links TO relance_clinic;


--
-- Name: TABLE tracked_messages; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tracked_messages TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tracked_messages TO relance_clinic;


--
-- Name: TABLE tracking_hits; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tracking_hits TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tracking_hits TO relance_clinic;


--
-- Name: TABLE users; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.users TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.users TO relance_clinic;


--
-- Name: TABLE web_forms; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.web_forms TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.web_forms TO relance_clinic;


--
-- Name: TABLE webhook_deliveries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_deliveries TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_deliveries TO relance_clinic;


--
-- Name: TABLE webhook_endpoints; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_endpoints TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_endpoints TO relance_clinic;


--
-- Name: TABLE working_hours; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.working_hours TO relance_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.working_hours TO relance_clinic;


--
-- PostgreSQL database dump complete
--


