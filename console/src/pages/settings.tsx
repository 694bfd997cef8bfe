/** Settings: one page for each area, with the list of the areas at the left. */

import { Link, useParams } from "wouter";
import { useMe } from "../api/queries";
import { AREAS } from "../settings/areas";
import { settingsTexts as t } from "../settings/texts";
import { texts } from "../texts";
import { Icon } from "../ui/icons";
import { Empty } from "../ui/parts";

export default function Settings() {
  const { area: chosen } = useParams<{ area?: string }>();
  const { permissions } = useMe();
  const areas = AREAS.filter(({ needs }) => permissions.includes(needs));
  const shown = chosen ? areas.find(({ id }) => id === chosen) : areas[0];
  return (
    <>
      <div className="page-head">
        <h1>{t.title}</h1>
      </div>
      <div className="settings" data-open={chosen ? true : undefined}>
        <nav className="areas" aria-label={t.areas}>
          {[...new Set(areas.map(({ group }) => group))].map((group) => (
            <div key={group}>
              <h2 className="menu-title">{group}</h2>
              <ul>
                {areas
                  .filter((one) => one.group === group)
                  .map(({ id, title }) => (
                    <li key={id}>
                      <Link className="nav-link" href={`/settings/${id}`} aria-current={id === shown?.id ? "page" : undefined}>
                        {title}
                      </Link>
                    </li>
                  ))}
              </ul>
            </div>
          ))}
        </nav>
        <div className={chosen ? "area" : "area only-broad"}>
          {chosen && (
            <Link className="row small soft back only-narrow" href="/settings">
              <Icon name="back" />
              {t.all}
            </Link>
          )}
          {shown ? <shown.component key={shown.id} /> : <Empty icon="user" title={texts.state.notAllowed} />}
        </div>
      </div>
    </>
  );
}
