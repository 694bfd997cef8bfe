/** Board: stages as columns. Cards move by drag, by menu, and by keyboard; the API decides, and a refusal is undone. */

import { replaceEqualDeep, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, memo, useCallback, useContext, useRef, useState } from "react";
import { Button, Collection, type DropItem, GridList, GridListItem, type GridListRenderProps, isTextDropItem, type Key, ListLayout, Menu, MenuItem, Popover, type Size, useDragAndDrop, Virtualizer } from "react-aria-components";
import { Link } from "wouter";
import { LoseDialog } from "../acts/lead-dialogs";
import { api, ok } from "../api/client";
import { sentences } from "../api/problem";
import { useAct, useMay, useSources } from "../api/queries";
import type { Card, Schemas } from "../api/types";
import { money } from "../format";
import { texts } from "../texts";
import { Icon } from "../ui/icons";
import { toast, toastError } from "../ui/overlays";
import { Badge, Query, SelectField, Time } from "../ui/parts";
import { useNames } from "./names";

type Board = Schemas["BoardOut"];
type Column = Board["columns"][number];
type Move = { id: string; stage: string };
type Undoable = Move & { undo: () => void };

const t = texts.board;
const TYPE = "relance-lead";
const DAY = 86_400_000;
const LAYOUT = { estimatedRowHeight: 96, gap: 8, padding: 2 }; // only the cards that are in sight are drawn
const heights = new WeakMap<object, { width: number; height: number }>(); // of cards that were measured, in any column

type CardNode = NonNullable<ReturnType<GridListRenderProps["state"]["collection"]["getItem"]>>;

/** A layout that measures a card once, not again each time that another card was moved. */
class CardLayout extends ListLayout<unknown> {
  protected override buildItem(node: CardNode, x: number, y: number) {
    const built = super.buildItem(node, x, y);
    const { rect } = built.layoutInfo;
    const known = heights.get(node.value as Card);
    if (known?.width === rect.width) {
      rect.height = known.height;
      built.layoutInfo.estimatedSize = false;
    }
    return built;
  }

  override updateItemSize(key: Key, size: Size): boolean {
    const isChanged = super.updateItemSize(key, size);
    const { node, layoutInfo } = this.layoutNodes.get(key) ?? {};
    if (node && layoutInfo) heights.set(node.value as Card, { width: layoutInfo.rect.width, height: size.height });
    return isChanged;
  }
}

export default function BoardPage() {
  const [whose, setWhose] = useState("");
  const [source, setSource] = useState("");
  const key = ["board", whose, source];
  const board = useQuery({
    queryKey: key,
    queryFn: () => ok(api.GET("/api/pipeline/board", { params: { query: { cards: 50, assigned_to_id: whose || undefined, source_id: source || undefined } } })),
    placeholderData: (previous) => previous,
    structuralSharing: (before, after) => sharedBoard(before as Board | undefined, after as Board),
  });
  const sources = useSources().data ?? [];
  const mayMove = useMay("lead:update");
  const [asked, ask] = useState<Asked | null>(null);
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
            <StageColumn key={column.stage.id} column={column} move={mayMove ? move : undefined} ask={ask} />
          ))}
        </div>
      </Query>
      {asked && <MoveMenu of={asked} columns={board.data?.columns ?? []} move={move} close={() => ask(null)} />}
      {losing && <LoseDialog leadId={losing} onClose={close} />}
    </>
  );
}

/** Move a card at once; if the API refuses, put it back and show the sentence. */
function useMoves(key: string[], board: Board | undefined) {
  const client = useQueryClient();
  const [losing, lose] = useState("");
  const post = ({ id, stage }: Move) => ok(api.POST("/api/leads/{lead_id}/stage", { params: { path: { lead_id: id } }, body: { stage } }));
  const change = useAct(async (given: Undoable) => {
    try {
      return await post(given);
    } catch (error) {
      given.undo(); // before the board is read again, which may have changed meanwhile
      throw error;
    }
  }, ["board", "leads", "lead", "tasks"]);
  const move = (given: Move) => {
    const from = board?.columns.find((column) => column.cards.some((one) => one.id === given.id));
    const card = from?.cards.find((one) => one.id === given.id);
    const target = board?.columns.find((column) => column.stage.slug === given.stage);
    if (!board || !card || !from || !target || target === from) return;
    if (given.stage === "lost") return lose(given.id);
    const show = (before: string, after: string) => client.setQueryData<Board>(key, (now) => now && withMoved(now, card.id, before, after));
    client.cancelQueries({ queryKey: key }); // an answer from before the move would put the card back
    show(from.stage.slug, given.stage);
    const undo = () => show(given.stage, from.stage.slug);
    const name = `${card.first_name} ${card.last_name}`;
    change.mutate(
      { ...given, undo },
      {
        onSuccess: () => toast(t.moved(name, target.stage.name)),
        onError: (error) => toastError(new Error(t.refused(name, sentences(error).join(" ")))),
      },
    );
  };
  const latest = useRef(move);
  latest.current = move;
  const stable = useCallback((given: Move) => latest.current(given), []); // so that only changed columns are drawn again
  return { move: stable, losing, close: () => lose("") };
}

/** Keep each card and column that is the same as before: it is not drawn again, even if its place has changed. */
function sharedBoard(before: Board | undefined, after: Board): Board {
  if (!before) return after;
  const cards = new Map(before.columns.flatMap((column) => column.cards.map((card) => [card.id, card])));
  const columns = after.columns.map((column) => ({ ...column, cards: column.cards.map((card) => replaceEqualDeep(cards.get(card.id), card)) }));
  return { ...after, columns: columns.map((column) => before.columns.find((one) => isSame(one, column)) ?? column) };
}

const isSame = (one: Column, other: Column): boolean =>
  one.cards.length === other.cards.length &&
  one.cards.every((card, at) => card === other.cards[at]) &&
  JSON.stringify({ ...one, cards: [] }) === JSON.stringify({ ...other, cards: [] });

/** Return the board with the card in another column, if it is still in the column `from`. */
function withMoved(board: Board, id: string, from: string, to: string): Board {
  const card = board.columns.find((column) => column.stage.slug === from)?.cards.find((one) => one.id === id);
  if (!card) return board;
  const worth = Number(card.lead_value ?? 0);
  const columns = board.columns.map((column) => {
    if (column.stage.slug === from) return changed(column, column.cards.filter((one) => one !== card), -1, -worth);
    return column.stage.slug === to ? changed(column, [card, ...column.cards], 1, worth) : column;
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
  move: ((move: Move) => void) | undefined; // none: the user may not move cards
  ask: (asked: Asked) => void;
}

/** A moved card changes two columns. The others have the same column as before, and stay as they are. */
const StageColumn = memo(function StageColumn({ column, move, ask }: ColumnProps) {
  const { slug, name } = column.stage;
  return (
    <section className="column" aria-label={name}>
      <header className="row between">
        <h2>
          {name} <span className="soft number">{column.count.toLocaleString()}</span>
        </h2>
        {Number(column.value) > 0 && <span className="small soft number">{money(column.value)}</span>}
      </header>
      <Shown.Provider value={column.cards}>
        <CardList slug={slug} name={name} move={move} ask={ask} />
      </Shown.Provider>
      {column.count > column.cards.length && (
        <Link className="small" href={`/leads?stage=${slug}`}>
          {t.rest(column.count - column.cards.length)}
        </Link>
      )}
    </section>
  );
});

/** The cards of a column, for `Cards`. Through a context, because a GridList that gets other props draws all its items. */
const Shown = createContext<Card[]>([]);

interface ListProps extends Omit<ColumnProps, "column"> {
  slug: string;
  name: string;
}

const CardList = memo(function CardList({ slug, name, move, ask }: ListProps) {
  const client = useQueryClient();
  const textOf = (id: Key) => nameOf(cardsOf(client.getQueriesData<Board>({ queryKey: ["board"] })).find((card) => card.id === id));
  const { dragAndDropHooks } = useDragAndDrop({
    getItems: (ids) => [...ids].map((id) => ({ [TYPE]: String(id), "text/plain": textOf(id) })),
    acceptedDragTypes: [TYPE],
    getDropOperation: () => "move",
    onRootDrop: async ({ items }) => take(items),
    onInsert: async ({ items }) => take(items),
  });
  const take = async (items: DropItem[]) => {
    for (const item of items) if (isTextDropItem(item)) move?.({ id: await item.getText(TYPE), stage: slug });
  };
  return (
    <Virtualizer layout={CardLayout} layoutOptions={LAYOUT}>
      <GridList
        aria-label={name}
        className="cards"
        selectionMode="none"
        dragAndDropHooks={move ? dragAndDropHooks : undefined}
        renderEmptyState={() => <p className="soft small">{t.empty}</p>}
      >
        <Cards slug={slug} ask={move && ask} />
      </GridList>
    </Virtualizer>
  );
});

interface CardsProps {
  slug: string;
  ask: ((asked: Asked) => void) | undefined;
}

function Cards({ slug, ask }: CardsProps) {
  return (
    <Collection items={useContext(Shown)}>
      {(card) => (
        <GridListItem id={card.id} textValue={nameOf(card)} className={card.is_rotting ? "lead-card rots" : "lead-card"}>
          <LeadCard card={card} slug={slug} ask={ask} />
        </GridListItem>
      )}
    </Collection>
  );
}

function LeadCard({ card, slug, ask }: CardsProps & { card: Card }) {
  const { userName } = useNames();
  const days = Math.floor((Date.now() - Date.parse(card.stage_entered_at)) / DAY);
  return (
    <>
      <div className="row between tight">
        <Link className="lead-link cut" href={`/leads/${card.id}`}>
          {nameOf(card)}
        </Link>
        {ask && (
          <span className="row tight grips">
            <Button slot="drag" className="button plain icon-only">
              <Icon name="grip" />
            </Button>
            <button
              type="button"
              className="button plain icon-only"
              aria-label={t.move(nameOf(card))}
              aria-haspopup="menu"
              onClick={({ currentTarget }) => ask({ card, slug, button: currentTarget })}
            >
              <Icon name="more" />
            </button>
          </span>
        )}
      </div>
      <p className="row small soft">
        {card.next_follow_up_at ? (
          <span className={Date.parse(card.next_follow_up_at) < Date.now() ? "late" : undefined}>
            {t.nextStep} <Time at={card.next_follow_up_at} />
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

/** The card whose menu is open, and the button that opened it. */
interface Asked {
  card: Card;
  slug: string;
  button: HTMLElement;
}

/** The menu of stages. There is one for all cards, because each card that is drawn costs time. */
function MoveMenu({ of: { card, slug, button }, columns, move, close }: { of: Asked; columns: Column[]; move: (move: Move) => void; close: () => void }) {
  const trigger = useRef(button);
  const stages = columns.map((column) => column.stage).filter((stage) => stage.slug !== slug);
  return (
    <Popover className="popover" triggerRef={trigger} isOpen onOpenChange={(isOpen) => !isOpen && close()} aria-label={t.move(nameOf(card))}>
      <Menu className="menu" aria-label={t.move(nameOf(card))} autoFocus="first" onClose={close} onAction={(stage) => move({ id: card.id, stage: String(stage) })}>
        {stages.map((stage, at) => (
          <MenuItem key={stage.slug} id={stage.slug} className="menu-item" ref={at === 0 ? takeFocus : undefined}>
            {stage.name}
          </MenuItem>
        ))}
      </Menu>
    </Popover>
  );
}

/** At once: the menu itself would have the focus first, and the next key could be lost. */
const takeFocus = (entry: HTMLElement | null): void => entry?.focus({ preventScroll: true });

const cardsOf = (boards: [unknown, Board | undefined][]): Card[] => boards.flatMap(([, board]) => board?.columns.flatMap((column) => column.cards) ?? []);

const nameOf = (card: Card | undefined): string => (card ? `${card.first_name} ${card.last_name}` : "");
