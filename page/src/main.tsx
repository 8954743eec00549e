// SPDX-License-Identifier: Apache-2.0
import { render } from "preact";
import { App } from "./App";
import "./style.css";

const host = document.getElementById("page");
if (host !== null) render(<App />, host);
