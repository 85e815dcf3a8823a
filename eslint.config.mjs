// Only what deno lint and tidy cannot see: rules that need types. A lost promise here is a lost write.
import tseslint from "typescript-eslint";

const nodeTest = {
  from: "package",
  package: "node:test",
  name: ["test", "it", "describe", "before", "after", "beforeEach", "afterEach"],
};

export default tseslint.config(
  { ignores: ["dist/", "**/node_modules/", "wasm/assembly/", "wasm/codec_module.ts", "**/*.mjs"] },
  {
    files: ["{src,runtimes,wasm,test,bench}/**/*.ts", ".ci/**/*.ts"],
    plugins: { "@typescript-eslint": tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/no-floating-promises": ["error", { allowForKnownSafeCalls: [nodeTest] }],
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/ban-ts-comment": "error",
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/prefer-promise-reject-errors": "error",
      "@typescript-eslint/return-await": ["error", "error-handling-correctness-only"],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: "error",
    },
  },
);
