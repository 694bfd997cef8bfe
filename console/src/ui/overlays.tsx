/** Dialogs, menus and toasts. */

import { type ReactNode, useEffect, useRef } from "react";
import { Button, Dialog, Heading, Menu, MenuItem, MenuTrigger, Modal, ModalOverlay, Popover } from "react-aria-components";
import { createStore, useStore } from "../api/store";
import { texts } from "../texts";
import { sentences } from "../api/problem";
import { Icon, type IconName } from "./icons";

interface DialogProps {
  title: string;
  onClose?: () => void; // without it, only the content closes the dialog, and it hides the page
  children: ReactNode;
  isWide?: boolean;
}

/**
 * A dialog over the page. Escape and a click beside it close it; the focus returns to where it was. Once something is
 * typed, a click beside it does nothing, so that nothing is lost by a slip of the hand, and Escape asks first.
 */
export function DialogBox({ title, onClose, children, isWide = false }: DialogProps) {
  const isTouched = useRef(false);
  const touch = () => {
    isTouched.current = true;
  };
  useEffect(() => {
    const unload = (event: BeforeUnloadEvent) => isTouched.current && event.preventDefault();
    window.addEventListener("beforeunload", unload);
    return () => window.removeEventListener("beforeunload", unload);
  }, []);
  const mayClose = () => !isTouched.current || window.confirm(texts.shell.discard);
  const dismiss = (isOpen: boolean) => {
    if (!isOpen && mayClose()) onClose?.();
  };
  useBackGuard(mayClose, onClose);
  return (
    <ModalOverlay
      className={onClose ? "veil" : "veil closed"}
      isOpen
      isDismissable={Boolean(onClose)}
      isKeyboardDismissDisabled={!onClose}
      shouldCloseOnInteractOutside={() => !isTouched.current}
      onOpenChange={dismiss}
    >
      <Modal className={isWide ? "modal wide" : "modal"}>
        <Dialog className="dialog">
          <header>
            <Heading slot="title">{title}</Heading>
            {onClose && (
              <button type="button" className="button plain icon-only" onClick={onClose} aria-label={texts.shell.close}>
                <Icon name="close" />
              </button>
            )}
          </header>
          <div className="contents" onInput={touch}>
            {children}
          </div>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

/** Ask before the browser's back button leaves the page under a dialog. Browsers without `navigation` leave it at once. */
function useBackGuard(mayClose: () => boolean, onClose: (() => void) | undefined) {
  const latest = useRef({ mayClose, onClose });
  latest.current = { mayClose, onClose };
  useEffect(() => {
    const guard = (event: Event) => {
      const { navigationType, cancelable } = event as Event & { navigationType: string };
      if (navigationType !== "traverse" || !cancelable) return;
      if (latest.current.mayClose()) latest.current.onClose?.();
      else event.preventDefault();
    };
    const navigation = (window as { navigation?: EventTarget }).navigation;
    navigation?.addEventListener("navigate", guard);
    return () => navigation?.removeEventListener("navigate", guard);
  }, []);
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
