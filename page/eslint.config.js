// SPDX-License-Identifier: Apache-2.0
import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

const codeFromText = ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "dangerouslySetInnerHTML"];

export default tseslint.config(
  { ignores: ["dist", "node_modules"] },
  js.configs.recommended,
  {
    files: ["src/**/*.{ts,tsx}"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    plugins: { "react-hooks": hooks },
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "react-hooks/rules-of-hooks": "error", // the others judge for a compiler that is not used here
      "react-hooks/exhaustive-deps": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // Whatever a server says is hostile: it becomes text nodes and attributes, never markup or code.
      "no-restricted-syntax": [
        "error",
        ...codeFromText.map((name) => ({
          selector: `:matches(MemberExpression[property.name="${name}"], JSXAttribute[name.name="${name}"])`,
          message: "text from outside must never become markup",
        })),
      ],
    },
  },
  { files: ["mock/**/*.mjs", "*.js"], languageOptions: { globals: globals.node } },
);
