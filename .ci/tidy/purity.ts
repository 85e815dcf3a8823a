/** What src/ may not touch, the two files that pick an adapter apart: clocks, timers, chance, consoles, hosts, and what engines answer differently. */
import ts from "typescript";
import { lineOf, type Source } from "./source.ts";

const HOSTS = "the core touches no host; take it from the Runtime given";
const ENGINES = "engines may answer differently (DESIGN, decision 13)";

const PICK_ADAPTER = new Set(["src/main.ts", "src/client/host_runtime.ts"]);

const BANNED_NAMES: Readonly<Record<string, string>> = {
  console: HOSTS,
  process: HOSTS,
  Deno: HOSTS,
  Bun: HOSTS,
  Buffer: HOSTS,
  require: HOSTS,
  performance: HOSTS,
  crypto: HOSTS,
  fetch: HOSTS,
  setTimeout: HOSTS,
  setInterval: HOSTS,
  setImmediate: HOSTS,
  clearTimeout: HOSTS,
  clearInterval: HOSTS,
  queueMicrotask: HOSTS,
  globalThis: "src/base/host.ts alone declares host globals",
  Intl: ENGINES,
  WeakRef: ENGINES,
  FinalizationRegistry: ENGINES,
};
const BANNED_MATH = new Set(
  "random sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp expm1 log log1p log2 log10 pow cbrt hypot"
    .split(" "),
);
const BANNED_METHODS = new Set(["localeCompare", "toLocaleString", "toLocaleLowerCase"]);

export function checkPurity({ path, tree }: Source): string[] {
  if (!path.startsWith("src/") || PICK_ADAPTER.has(path)) return [];
  const declared = declaredNames(tree);
  const found: string[] = [];
  const report = (node: ts.Node, what: string, why: string) => {
    found.push(`${path}:${lineOf(tree, node)} uses ${what}: ${why}`);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && isReference(node) && !declared.has(node.text)) {
      const why = Object.hasOwn(BANNED_NAMES, node.text) ? BANNED_NAMES[node.text] : undefined;
      if (why !== undefined && !(node.text === "globalThis" && path === "src/base/host.ts")) {
        report(node, node.text, why);
      }
    }
    const member = bannedMember(node, declared);
    if (member !== undefined) report(node, member[0], member[1]);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function bannedMember(
  node: ts.Node,
  declared: ReadonlySet<string>,
): readonly [string, string] | undefined {
  if (ts.isNewExpression(node) && isGlobal(node.expression, "Date", declared)) {
    return (node.arguments ?? []).length === 0 ? ["new Date()", HOSTS] : undefined;
  }
  if (
    ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.AsteriskAsteriskToken
  ) {
    const exact = [node.left, node.right].some((side) =>
      ts.isNumericLiteral(side) && Number.isInteger(Number(side.text))
    );
    return exact ? undefined : ["**", ENGINES];
  }
  if (!ts.isPropertyAccessExpression(node)) return undefined;
  const name = node.name.text;
  if (isGlobal(node.expression, "Date", declared) && name === "now") return ["Date.now", HOSTS];
  if (isGlobal(node.expression, "Math", declared) && BANNED_MATH.has(name)) {
    return [`Math.${name}`, name === "random" ? HOSTS : ENGINES];
  }
  return BANNED_METHODS.has(name) ? [name, ENGINES] : undefined;
}

function isGlobal(node: ts.Expression, name: string, declared: ReadonlySet<string>): boolean {
  return ts.isIdentifier(node) && node.text === name && !declared.has(name);
}

/** Names that the file itself declares: a parameter called `process` is not the host's. The compiler sees the rest. */
function declaredNames(tree: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    const named = ts.isVariableDeclaration(node) || ts.isParameter(node) ||
      ts.isBindingElement(node) || ts.isFunctionDeclaration(node) || ts.isImportSpecifier(node) ||
      ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node);
    if (named && node.name !== undefined && ts.isIdentifier(node.name)) names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return names;
}

/** Not a member's or a property's name: those belong to whatever object stands before them. */
function isReference(node: ts.Identifier): boolean {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  const isName = "name" in parent && parent.name === node;
  return !isName;
}
