/** Dialogs, menus and toasts. */

import type { ReactNode } from "react";
import { Button, Dialog, Heading, Menu, MenuItem, MenuTrigger, Modal, ModalOverlay, Popover } from "react-aria-components";
import { createStore, useStore } from "../api/store";
import { texts } from "../texts";
import { sentences } from "../api/problem";
import { Icon, type IconName } from "./icons";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  isWide?: boolean;
}

/** A dialog over the page. Escape and a click beside it close it; the focus returns to where it was. */
export function DialogBox({ title, onClose, children, isWide = false }: DialogProps) {
  return (
    <ModalOverlay className="veil" isOpen isDismissable onOpenChange={(isOpen) => !isOpen && onClose()}>
      <Modal className={isWide ? "modal wide" : "modal"}>
        <Dialog className="dialog">
          <header>
            <Heading slot="title">{title}</Heading>
            <button type="button" className="button plain icon-only" onClick={onClose} aria-label={texts.shell.close}>
              <Icon name="close" />
            </button>
          </header>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

export interface MenuEntry {
  id: string;
  label: string;
  icon?: IconName;
  end?: ReactNode;
  isDisabled?: boolean;
  act: () => void;
}

interface MenuProps {
  label: string;
  entries: MenuEntry[];
  children: ReactNode;
  className?: string;
  isDisabled?: boolean;
}

/** A button that opens a menu of acts. `label` is its name if it shows only an icon. */
export function MenuButton({ label, entries, children, className = "button", isDisabled = false }: MenuProps) {
  return (
    <MenuTrigger>
      <Button className={className} aria-label={label} isDisabled={isDisabled}>
        {children}
      </Button>
      <Popover className="popover">
        <Menu className="menu" aria-label={label} items={entries} onAction={(id) => entries.find((one) => one.id === id)?.act()}>
          {({ id, label: name, icon, end, isDisabled: off = false }) => (
            <MenuItem id={id} className="menu-item" textValue={name} isDisabled={off}>
              {icon && <Icon name={icon} />}
              {name}
              {end && <span className="end">{end}</span>}
            </MenuItem>
          )}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

interface Toast {
  id: number;
  text: string;
  isBad: boolean;
  undo?: (() => Promise<unknown>) | undefined;
}

const LASTS = 8000; // milliseconds
const toasts = createStore<Toast[]>([]);
let lastId = 0;

/** Report a change that worked. With `undo` it can be taken back for some seconds. */
export function toast(text: string, undo?: () => Promise<unknown>): void {
  add({ id: ++lastId, text, isBad: false, undo });
}

/** Report a change that failed, in the API's words. */
export function toastError(error: unknown): void {
  add({ id: ++lastId, text: sentences(error).join(" ") || texts.state.offline, isBad: true });
}

function add(one: Toast): void {
  toasts.set([...toasts.get().slice(-2), one]);
  setTimeout(() => remove(one.id), one.isBad ? 2 * LASTS : LASTS);
}

function remove(id: number): void {
  toasts.set(toasts.get().filter((one) => one.id !== id));
}

export function Toasts() {
  const shown = useStore(toasts);
  const undo = (one: Toast) => {
    remove(one.id);
    one.undo?.().then(() => toast(texts.shell.undone), toastError);
  };
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((one) => (
        <div key={one.id} className={one.isBad ? "toast bad" : "toast"}>
          <p>{one.text}</p>
          {one.undo && (
            <button type="button" onClick={() => undo(one)}>
              {texts.shell.undo}
            </button>
          )}
          <button type="button" onClick={() => remove(one.id)} aria-label={texts.shell.dismiss}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
