/** All keys, by page. */

import type { PageEntry } from "../pages";
import { texts } from "../texts";
import { DialogBox } from "../ui/overlays";

const t = texts.keys;

export function KeysDialog({ pages, onClose }: { pages: PageEntry[]; onClose: () => void }) {
  const groups: [string, [string, string][]][] = [
    [
      t.everywhere,
      [
        ["Ctrl K", t.palette],
        ["?", t.help],
        ["n", t.newLead],
        ...pages.filter((page) => page.key).map((page): [string, string] => [`g ${page.key}`, t.goTo(page.title)]),
      ],
    ],
    [
      t.list,
      [
        ["j", t.down],
        ["k", t.up],
        ["o", t.open],
      ],
    ],
    [
      t.today,
      [
        ["e", t.complete],
        ["c", t.call],
        ["s", t.snooze],
        ["x", t.cancel],
        ["r", t.reply],
      ],
    ],
    [t.leads, [["x", t.select]]],
  ];
  return (
    <DialogBox title={texts.shell.keys} onClose={onClose} isWide>
      <div className="keys-list">
        {groups.map(([title, keys]) => (
          <section key={title} className="stack close">
            <h3>{title}</h3>
            <ul>
              {keys.map(([key, meaning]) => (
                <li key={key}>
                  <span>{meaning}</span>
                  <span>
                    {key.split(" ").map((part) => (
                      <kbd key={part}>{part}</kbd>
                    ))}
                  </span>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </DialogBox>
  );
}
