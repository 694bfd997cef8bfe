/** A definition in words, and as a picture. A click on one part shows it in both, and selects its line in the editor. */

import { useState } from "react";
import type { Schemas } from "../../api/types";
import { automationTexts as t } from "../../texts/automation";
import { PictureView } from "./picture";

type Read = Schemas["ReadOut"];

interface Props {
  of: Pick<Read, "outline" | "picture">;
  onLine?: (line: number) => void;
}

export function Outline({ of: { outline, picture }, onLine }: Props) {
  const [chosen, choose] = useState("");
  const pick = (pointer: string) => {
    choose(pointer);
    const line = outline.find((one) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`))?.line;
    if (line && pointer) onLine?.(line);
  };
  return (
    <div className="stack">
      <h2>{t.outline}</h2>
      <ol className="outline">
        {outline.map((one, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other identity
          <li key={at} className={`depth-${Math.min(one.depth, 4)} ${one.role}`} data-chosen={one.pointer && one.pointer === chosen ? "" : undefined}>
            {one.pointer && one.line ? (
              <button type="button" className="outline-line" aria-label={onLine ? `${one.text}. ${t.toLine(one.line)}` : undefined} onClick={() => pick(one.pointer)}>
                {one.text}
              </button>
            ) : (
              one.text
            )}
          </li>
        ))}
      </ol>
      {picture && (
        <>
          <h2>{t.picture}</h2>
          <PictureView picture={picture} chosen={chosen} choose={pick} />
        </>
      )}
    </div>
  );
}
