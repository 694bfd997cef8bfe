/** Shows the error of a page that could not be drawn or loaded, instead of nothing. */

import { Component, type ReactNode } from "react";
import { texts } from "../texts";
import { Failure } from "../ui/parts";

export class Boundary extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  state = { hasFailed: false };

  static getDerivedStateFromError() {
    return { hasFailed: true };
  }

  render() {
    if (!this.state.hasFailed) return this.props.children;
    return <Failure error={new Error(texts.state.failed)} retry={() => location.reload()} />;
  }
}
