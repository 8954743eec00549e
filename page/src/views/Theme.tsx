// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from "preact/hooks";

const themes = ["system", "light", "dark"] as const;
type Theme = (typeof themes)[number];
const key = "blindbox-theme";

function remembered(): Theme {
  try {
    return themes.find((theme) => theme === localStorage.getItem(key)) ?? "system";
  } catch {
    return "system"; // storage may be forbidden
  }
}

export function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(remembered);
  useEffect(() => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem(key, theme);
    } catch {
      // then it lasts as long as the page
    }
  }, [theme]);
  return (
    <label class="theme">
      <span class="sr">Colours</span>
      <select
        value={theme}
        onChange={(event) => {
          setTheme(themes.find((t) => t === event.currentTarget.value) ?? "system");
        }}
      >
        <option value="system">System</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  );
}
