/** Board: stages as columns. Cards move by drag, by menu, and by keyboard; the API decides, and a refusal is undone. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, type DropItem, GridList, GridListItem, isTextDropItem, useDragAndDrop } from "react-aria-components";
import { Link } from "wouter";
import { LoseDialog } from "../acts/lead-dialogs";
import { api, ok } from "../api/client";
import { sentences } from "../api/problem";
import { useAct, useMay, useSources } from "../api/queries";
import type { Card, Schemas } from "../api/types";
import { money } from "../format";
import { texts } from "../texts";
import { Icon } from "../ui/icons";
import { MenuButton, toast, toastError } from "../ui/overlays";
import { Badge, Query, SelectField, Time } from "../ui/parts";
import { useNames } from "./names";

type Board = Schemas["BoardOut"];
type Column = Board["columns"][number];
type Move = { id: string; stage: string };

const t = texts.board;
const TYPE = "relance-lead";
const DAY = 86_400_000;

export default function BoardPage() {
  const [whose, setWhose] = useState("");
  const [source, setSource] = useState("");
  const key = ["board", whose, source];
  const board = useQuery({
    queryKey: key,
    queryFn: () => ok(api.GET("/api/pipeline/board", { params: { query: { cards: 50, assigned_to_id: whose || undefined, source_id: source || undefined } } })),
    placeholderData: (previous) => previous,
  });
  const sources = useSources().data ?? [];
  const { move, losing, close } = useMoves(key, board.data);
  return (
    <>
      <div className="page-head">
        <h1>{texts.pages.board}</h1>
        <div className="acts">
          <SelectField label={texts.leads.owner} value={whose} onChange={setWhose} options={[{ value: "", label: texts.leads.any }, { value: "me", label: texts.leads.view.mine }]} />
          <SelectField label={texts.leads.source} value={source} onChange={setSource} options={[{ value: "", label: texts.leads.any }, ...sources.map(({ id, name }) => ({ value: id, label: name }))]} />
        </div>
      </div>
      <Query of={board} rows={8}>
        <div className="board">
          {board.data?.columns.map((column) => (
            <StageColumn key={column.stage.id} column={column} columns={board.data.columns} move={move} />
          ))}
        </div>
      </Query>
      {losing && <LoseDialog leadId={losing} onClose={close} />}
    </>
  );
}

/** Move a card at once; if the API refuses, put it back and show the sentence. */
function useMoves(key: string[], board: Board | undefined) {
  const client = useQueryClient();
  const [losing, lose] = useState("");
  const change = useAct(({ id, stage }: Move) => ok(api.POST("/api/leads/{lead_id}/stage", { params: { path: { lead_id: id } }, body: { stage } })), ["board", "leads", "lead", "tasks"]);
  const move = (given: Move) => {
    const card = board?.columns.flatMap((column) => column.cards).find((one) => one.id === given.id);
    const target = board?.columns.find((column) => column.stage.slug === given.stage);
    if (!board || !card || !target || target.cards.includes(card)) return;
    if (given.stage === "lost") return lose(given.id);
    client.setQueryData<Board>(key, withMoved(board, card, given.stage));
    const name = `${card.first_name} ${card.last_name}`;
    change.mutate(given, {
      onSuccess: () => toast(t.moved(name, target.stage.name)),
      onError: (error) => {
        client.setQueryData(key, board);
        toastError(new Error(t.refused(name, sentences(error).join(" "))));
      },
    });
  };
  return { move, losing, close: () => lose("") };
}

function withMoved(board: Board, card: Card, stage: string): Board {
  const worth = Number(card.lead_value ?? 0);
  const columns = board.columns.map((column) => {
    if (column.cards.includes(card)) return changed(column, column.cards.filter((one) => one !== card), -1, -worth);
    return column.stage.slug === stage ? changed(column, [card, ...column.cards], 1, worth) : column;
  });
  return { ...board, columns };
}

const changed = (column: Column, cards: Card[], more: number, worth: number): Column => ({
  ...column,
  cards,
  count: column.count + more,
  value: String(Number(column.value) + worth),
});

interface ColumnProps {
  column: Column;
  columns: Column[];
  move: (move: Move) => void;
}

function StageColumn({ column, columns, move }: ColumnProps) {
  const mayMove = useMay("lead:update");
  const { slug, name } = column.stage;
  const { dragAndDropHooks } = useDragAndDrop({
    getItems: (ids) => [...ids].map((id) => ({ [TYPE]: String(id), "text/plain": nameOf(column.cards.find((card) => card.id === id)) })),
    acceptedDragTypes: [TYPE],
    getDropOperation: () => "move",
    onRootDrop: async ({ items }) => take(items),
    onInsert: async ({ items }) => take(items),
  });
  const take = async (items: DropItem[]) => {
    for (const item of items) if (isTextDropItem(item)) move({ id: await item.getText(TYPE), stage: slug });
  };
  return (
    <section className="column" aria-label={name}>
      <header className="row between">
        <h2>
          {name} <span className="soft number">{column.count.toLocaleString()}</span>
        </h2>
        {Number(column.value) > 0 && <span className="small soft number">{money(column.value)}</span>}
      </header>
      <GridList
        aria-label={name}
        className="cards"
        items={column.cards}
        selectionMode="none"
        dragAndDropHooks={mayMove ? dragAndDropHooks : undefined}
        renderEmptyState={() => <p className="soft small">{t.empty}</p>}
      >
        {(card) => (
          <GridListItem id={card.id} textValue={nameOf(card)} className="lead-card">
            <LeadCard card={card} columns={columns} slug={slug} move={mayMove ? move : undefined} />
          </GridListItem>
        )}
      </GridList>
      {column.count > column.cards.length && (
        <Link className="small" href={`/leads?stage=${slug}`}>
          {t.rest(column.count - column.cards.length)}
        </Link>
      )}
    </section>
  );
}

interface CardProps {
  card: Card;
  columns: Column[];
  slug: string;
  move: ((move: Move) => void) | undefined;
}

function LeadCard({ card, columns, slug, move }: CardProps) {
  const { userName } = useNames();
  const days = Math.floor((Date.now() - Date.parse(card.stage_entered_at)) / DAY);
  const entries = columns
    .filter((column) => column.stage.slug !== slug)
    .map(({ stage }) => ({ id: stage.slug, label: stage.name, act: () => move?.({ id: card.id, stage: stage.slug }) }));
  return (
    <>
      <div className="row between tight">
        <Link className="lead-link cut" href={`/leads/${card.id}`}>
          {nameOf(card)}
        </Link>
        {move && (
          <span className="row tight grips">
            <Button slot="drag" className="button plain icon-only">
              <Icon name="grip" />
            </Button>
            <MenuButton label={t.move(nameOf(card))} className="button plain icon-only" entries={entries}>
              <Icon name="more" />
            </MenuButton>
          </span>
        )}
      </div>
      <p className="row small soft">
        {card.next_follow_up_at ? (
          <span className={Date.parse(card.next_follow_up_at) < Date.now() ? "late" : undefined}>
            <Time at={card.next_follow_up_at} />
          </span>
        ) : (
          <span>{t.noNext}</span>
        )}
        {card.lead_value && <span className="number">{money(card.lead_value)}</span>}
      </p>
      <p className="row small soft">
        <span>{card.assigned_to_id ? userName(card.assigned_to_id) : texts.leads.nobody}</span>
        <span>{t.inStage(days)}</span>
        {card.is_rotting && <Badge tone="warn">{texts.lead.rotting}</Badge>}
        {card.stage_overdue_since && <Badge tone="bad">{texts.task.statuses.OVERDUE}</Badge>}
      </p>
    </>
  );
}

const nameOf = (card: Card | undefined): string => (card ? `${card.first_name} ${card.last_name}` : "");
