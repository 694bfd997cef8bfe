"""Find leads with a similar name: by the sound of the beginning and of the end of both names."""

from alembic import op

revision = "0085"
down_revision = "0084"
branch_labels = None
depends_on = None

APP, CLINIC = "relance_app", "relance_clinic"
OURS = "nullif(current_setting('relance.clinic', true), '')::uuid"
INDEXES = {"ix_leads_name_starts": "name_start", "ix_leads_name_ends": "name_end"}

# Letters of other scripts, one by one; then those that become several letters.
CYRILLIC = ("абвгдезийклмнопрстуфцыэіїєґёъь", "abvgdeziiklmnoprstufsieiiege")
GREEK = ("αβγδεζηικλμνξοπρσςτυφωάέήίόύώϊϋ", "avgdesiiklmnkoprsstifoaeiioioii")
SEVERAL = {"\u0436": "s", "\u0445": "k", "\u0447": "s", "\u0448": "s", "\u0449": "s", "\u044e": "u", "\u044f": "a"}
SEVERAL |= {"\u03b8": "t", "\u03c7": "k", "\u03c8": "ps"}
ENGLISH = {"sch": "s", "sh": "s", "ch": "s", "ph": "f", "kh": "k", "ck": "k", "x": "ks"}


def upgrade() -> None:
    # In PL/pgSQL, because the planner would inline SQL. A name of vowels only stays as it is.
    op.execute(
        "CREATE FUNCTION name_sound(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 4 AS $$"
        f" DECLARE sound text := public.folded_name(name); consonants text; BEGIN {_latin()} {_english()}"
        " sound := regexp_replace(sound, '[^a-z]', '', 'g');"
        " consonants := translate(sound, 'wcqzaeiouyhj', 'vkks');"
        " consonants := regexp_replace(consonants, '(.)\\1+', '\\1', 'g');"
        " RETURN CASE WHEN consonants = '' THEN sound ELSE consonants END; END $$"
    )
    for function, part in (("name_start", "left"), ("name_end", "right")):
        op.execute(
            f"CREATE FUNCTION {function}(first_name text, last_name text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT"
            " PARALLEL SAFE COST 10 AS $$ BEGIN"
            f" RETURN {part}(public.name_sound(last_name), 3) || ' ' || {part}(public.name_sound(first_name), 1); END $$"
        )
    with op.get_context().autocommit_block():
        for index, function in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
            op.execute(
                f"CREATE INDEX CONCURRENTLY {index} ON leads (clinic_id, {function}(first_name, last_name),"
                " id DESC NULLS LAST) WHERE deleted_at IS NULL"
            )
    probes = " UNION ".join(
        f"(SELECT found.id, found.first_name, found.last_name FROM (SELECT DISTINCT public.{function}(f, l) AS key"  # noqa: S608
        " FROM unnest(firsts, lasts) AS given(f, l)) AS keys CROSS JOIN LATERAL ("
        f"SELECT l.id, l.first_name, l.last_name FROM public.leads l WHERE l.clinic_id = coalesce({OURS}, clinic)"
        f" AND l.deleted_at IS NULL AND public.{function}(l.first_name, l.last_name) = keys.key"
        " ORDER BY l.id DESC NULLS LAST LIMIT most) AS found)"
        for function in INDEXES.values()
    )
    op.execute(
        "CREATE FUNCTION leads_alike(clinic uuid, firsts text[], lasts text[], most integer)"
        " RETURNS TABLE (id uuid, first_name text, last_name text) LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 25"
        " SET search_path = pg_catalog, public, pg_temp AS $$"
        f" #variable_conflict use_column BEGIN RETURN QUERY {probes}; END $$"
    )
    for function in ("name_sound", "name_start", "name_end", "leads_alike"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP}, {CLINIC}")


def downgrade() -> None:
    op.execute("DROP FUNCTION leads_alike")
    for index in INDEXES:
        op.drop_index(index, "leads")
    for function in ("name_end", "name_start", "name_sound"):
        op.execute(f"DROP FUNCTION {function}")


def _latin() -> str:
    """Return PL/pgSQL that writes Cyrillic and Greek letters in Latin ones, for a name that has others than ASCII."""
    steps = [f"sound := translate(sound, '{letters}', '{latin}');" for letters, latin in (CYRILLIC, GREEK)]
    steps += [f"sound := replace(sound, '{letter}', '{latin}');" for letter, latin in SEVERAL.items()]
    return f"IF octet_length(sound) <> length(sound) THEN {' '.join(steps)} END IF;"


def _english() -> str:
    """Return PL/pgSQL that replaces groups of letters with one sound."""
    return " ".join(f"sound := replace(sound, '{letters}', '{sound}');" for letters, sound in ENGLISH.items())
