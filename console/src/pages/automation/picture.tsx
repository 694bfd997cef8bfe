/** The picture of a definition, drawn from the same text: nodes in layers, arrows between them. */

import type { Schemas } from "../../api/types";
import { automationTexts as t } from "../../texts/automation";

type Picture = Schemas["PictureOut"];
type Node = Schemas["PictureNodeOut"];

interface Placed extends Node {
  x: number;
  y: number;
  lines: string[];
}

const WIDTH = 190;
const LINE = 17;
const PADDING = 10;
const ACROSS = 26; // between the nodes of a layer
const ALONG = 64; // between layers, with the words of an arrow
const LETTERS = 26; // of a line in a node

interface Props {
  picture: Picture;
  chosen: string;
  choose: (pointer: string) => void;
}

export function PictureView({ picture, chosen, choose }: Props) {
  const isDown = picture.direction === "down";
  const nodes = place(picture, isDown);
  const at = new Map(nodes.map((node) => [node.id, node]));
  const width = Math.max(...nodes.map((node) => node.x + WIDTH)) + 2;
  const height = Math.max(...nodes.map((node) => node.y + heightOf(node))) + 2;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the picture scrolls by keys
    <div className="picture" role="group" aria-label={t.picture} tabIndex={0}>
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
        <defs>
          <marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
            <path d="M0 0L10 5L0 10z" className="picture-head" />
          </marker>
        </defs>
        {picture.edges.map((edge) => {
          const [from, to] = [at.get(edge.source), at.get(edge.target)];
          return from && to ? <Arrow key={`${edge.source}-${edge.target}-${edge.label}`} from={from} to={to} label={edge.label} isStop={edge.is_stop} isDown={isDown} /> : null;
        })}
        {nodes.map((node) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the outline beside it does the same by keys
          <g key={node.id} className={`picture-node ${node.shape}`} data-chosen={node.pointer && node.pointer === chosen ? "" : undefined} onClick={() => choose(node.pointer)}>
            <rect x={node.x} y={node.y} width={WIDTH} height={heightOf(node)} rx={node.shape === "condition" ? 16 : node.shape === "step" ? 6 : 20} />
            {node.lines.map((line, row) => (
              <text key={`${row}-${line}`} x={node.x + WIDTH / 2} y={node.y + PADDING + LINE * (row + 0.5)}>
                {line}
              </text>
            ))}
          </g>
        ))}
      </svg>
    </div>
  );
}

function Arrow({ from, to, label, isStop, isDown }: { from: Placed; to: Placed; label: string; isStop: boolean; isDown: boolean }) {
  const [x1, y1] = isDown ? [from.x + WIDTH / 2, from.y + heightOf(from)] : [from.x + WIDTH, from.y + heightOf(from) / 2];
  const [x2, y2] = isDown ? [to.x + WIDTH / 2, to.y] : [to.x, to.y + heightOf(to) / 2];
  const bend = isDown ? `C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2}` : `C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2}`;
  return (
    <g className={isStop ? "picture-edge stop" : "picture-edge"}>
      <path d={`M${x1} ${y1}${bend} ${x2} ${y2}`} markerEnd="url(#arrow)" />
      {label && (
        <text x={(x1 + x2) / 2} y={(y1 + y2) / 2 - 5}>
          {label}
        </text>
      )}
    </g>
  );
}

const heightOf = (node: Placed): number => node.lines.length * LINE + 2 * PADDING;

/** Put each node in the layer after the last of its sources, and the layers one after the other. */
function place(picture: Picture, isDown: boolean): Placed[] {
  const layer = new Map(picture.nodes.map((node) => [node.id, 0]));
  const forward = picture.edges.filter((edge) => !edge.is_stop);
  for (let round = 0; round < picture.nodes.length; round++)
    for (const { source, target } of forward) layer.set(target, Math.max(layer.get(target) ?? 0, (layer.get(source) ?? 0) + 1));
  const layers: Placed[][] = [];
  for (const node of picture.nodes) {
    const own = layers[Math.min(layer.get(node.id) ?? 0, picture.nodes.length)] ?? [];
    own.push({ ...node, x: 0, y: 0, lines: wrapped(node.text) });
    layers[Math.min(layer.get(node.id) ?? 0, picture.nodes.length)] = own;
  }
  let along = 1;
  const full = layers.filter(Boolean);
  const widest = Math.max(...full.map((own) => sizeOf(own, isDown)));
  for (const own of full) {
    let across = 1 + (widest - sizeOf(own, isDown)) / 2;
    for (const node of own) {
      if (isDown) [node.x, node.y] = [across, along];
      else [node.x, node.y] = [along, across];
      across += (isDown ? WIDTH : heightOf(node)) + ACROSS;
    }
    along += (isDown ? Math.max(...own.map(heightOf)) : WIDTH) + ALONG;
  }
  return full.flat();
}

const sizeOf = (own: Placed[], isDown: boolean): number => own.reduce((sum, node) => sum + (isDown ? WIDTH : heightOf(node)) + ACROSS, -ACROSS);

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines[lines.length - 1];
    if (last !== undefined && last.length + word.length < LETTERS) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word.length > LETTERS ? `${word.slice(0, LETTERS - 1)}…` : word);
  }
  return lines.length > 5 ? [...lines.slice(0, 4), `${lines[4]} …`] : lines;
}
