/** Charts as SVG with real text. Each stands above a table with the same figures, so it is one image for screen readers. */

import { useSyncExternalStore } from "react";

interface Bar {
  key: string;
  label: string;
  value: number;
  shown: string;
}

const ROW = 30; // height of a bar with its gap
const NUMBER = 84; // space for the figure
const NARROW = window.matchMedia("(max-width: 760px)");

/** Sizes in which the text is readable: of the chart, of its labels. */
function useSizes(): { width: number; label: number; most: number } {
  const isNarrow = useSyncExternalStore(follow, () => NARROW.matches);
  return isNarrow ? { width: 330, label: 118, most: 16 } : { width: 640, label: 168, most: 24 };
}

function follow(listener: () => void): () => void {
  NARROW.addEventListener("change", listener);
  return () => NARROW.removeEventListener("change", listener);
}

/** Horizontal bars: one per row, the longest as wide as the chart. */
export function Bars({ title, bars }: { title: string; bars: Bar[] }) {
  const { width: whole, label, most: longest } = useSizes();
  const most = Math.max(1, ...bars.map((bar) => bar.value));
  return (
    <svg className="chart" viewBox={`0 0 ${whole} ${bars.length * ROW}`} role="img" aria-label={title}>
      {bars.map((bar, at) => {
        const width = ((whole - label - NUMBER) * bar.value) / most;
        const middle = at * ROW + ROW / 2;
        return (
          <g key={bar.key}>
            <text className="chart-label" x={label - 10} y={middle} textAnchor="end">
              {shortened(bar.label, longest)}
            </text>
            <rect className="chart-bar" x={label} y={at * ROW + 4} width={Math.max(1, width)} height={ROW - 8} rx={4} />
            <text className="chart-number" x={label + width + 8} y={middle}>
              {bar.shown}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

/** The funnel: as Bars, with the share of the first row that each row keeps. */
export function Funnel({ title, bars }: { title: string; bars: Bar[] }) {
  const first = bars[0]?.value ?? 0;
  const share = (value: number) => (first > 0 ? ` · ${Math.round((100 * value) / first)} %` : "");
  return <Bars title={title} bars={bars.map((bar) => ({ ...bar, shown: `${bar.shown}${share(bar.value)}` }))} />;
}

export interface Column {
  key: string;
  label: string;
  values: number[];
}

const HEIGHT = 190;
const FLOOR = HEIGHT - 26;
const TOP = 18;

/** Columns over time, one group per part of the period. `series` names the columns of each group. */
export function Columns({ title, columns, series }: { title: string; columns: Column[]; series: string[] }) {
  const most = Math.max(1, ...columns.flatMap((column) => column.values));
  const { width: whole } = useSizes();
  const group = whole / Math.max(1, columns.length);
  const width = Math.min(26, (group - 6) / Math.max(1, series.length));
  const every = Math.ceil(columns.length / (whole / 54)); // labels that fit
  return (
    <svg className="chart" viewBox={`0 0 ${whole} ${HEIGHT}`} role="img" aria-label={title}>
      <line className="chart-axis" x1={0} x2={whole} y1={FLOOR} y2={FLOOR} />
      {columns.map((column, at) => (
        <g key={column.key}>
          {column.values.map((value, which) => {
            const height = ((FLOOR - TOP) * value) / most;
            const x = at * group + group / 2 + (which - series.length / 2) * width;
            return (
              <g key={series[which]}>
                <rect className={`chart-column of-${which}`} x={x + 1} y={FLOOR - height} width={Math.max(1, width - 2)} height={height} rx={2} />
                {group > 44 && value > 0 && (
                  <text className="chart-number small" x={x + width / 2} y={FLOOR - height - 7} textAnchor="middle">
                    {value.toLocaleString()}
                  </text>
                )}
              </g>
            );
          })}
          {at % every === 0 && (
            <text className="chart-label" x={at * group + group / 2} y={HEIGHT - 10} textAnchor="middle">
              {column.label}
            </text>
          )}
        </g>
      ))}
    </svg>
  );
}

export function Legend({ series }: { series: string[] }) {
  return (
    <ul className="row small legend">
      {series.map((name, which) => (
        <li key={name}>
          <i className={`of-${which}`} aria-hidden="true" /> {name}
        </li>
      ))}
    </ul>
  );
}

const shortened = (label: string, most: number): string => (label.length > most ? `${label.slice(0, most - 1)}…` : label);
