/** Lengths of files and functions, promises left in the code, and tests that would not run as written. */
import ts from "typescript";
import { lineOf, type Source } from "./source.ts";

export const FILE_LINES_MAX = 400;
/** Lines that hold code; a function's reasons and sources are not held against it. */
export const FUNCTION_LINES_MAX = 70;

// Spelt in parts, so that this file passes its own check.
const LEFT_BEHIND = new RegExp(
  `\\b(${["TO" + "DO", "FIX" + "ME", "HA" + "CK", "X" + "XX"].join("|")})\\b`,
);

export function checkShape(source: Source): string[] {
  return [
    ...fileLength(source),
    ...functionLengths(source),
    ...leftBehind(source),
    ...testCalls(source),
  ];
}

function fileLength({ path, text }: Source): string[] {
  const lines = text.trimEnd().split("\n").length;
  return lines > FILE_LINES_MAX
    ? [`${path} has ${lines} lines, ${FILE_LINES_MAX} at most: split it by idea`]
    : [];
}

function functionLengths({ path, text, tree }: Source): string[] {
  const code = codeLines(text, tree);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined) {
      const first = lineOf(tree, node);
      const last = tree.getLineAndCharacterOfPosition(node.end).line + 1;
      let lines = 0;
      for (let line = first; line <= last; line++) if (code.has(line)) lines += 1;
      if (lines > FUNCTION_LINES_MAX) {
        const name = node.name !== undefined ? node.name.getText(tree) : "a function";
        found.push(
          `${path}:${first} ${name} has ${lines} lines of code, ${FUNCTION_LINES_MAX} at most`,
        );
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** Numbers of the lines on which a token stands, from 1: neither blank nor comment alone. */
function codeLines(text: string, tree: ts.SourceFile): Set<number> {
  const lines = new Set<number>();
  const visit = (node: ts.Node): void => {
    if (node.getChildCount(tree) === 0 && node.kind !== ts.SyntaxKind.EndOfFileToken) {
      const first = lineOf(tree, node);
      const last = tree.getLineAndCharacterOfPosition(node.end).line + 1;
      if (text.slice(node.getStart(tree), node.end).trim() === "") return;
      for (let line = first; line <= last; line++) lines.add(line);
      return;
    }
    for (const child of node.getChildren(tree)) if (!ts.isJSDoc(child)) visit(child);
  };
  visit(tree);
  return lines;
}

function leftBehind({ path, text }: Source): string[] {
  return text.split("\n").flatMap((line, at) => {
    const word = LEFT_BEHIND.exec(line)?.[1];
    return word === undefined ? [] : [`${path}:${at + 1} says ${word}: do it, or file an issue`];
  });
}

/** `.only` hides the others; `.skip`, `.todo` and `t.skip()` hide themselves, and Deno counts the last as passed. */
function testCalls({ path, tree }: Source): string[] {
  if (!path.endsWith(".test.ts")) return [];
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const { expression, name } = node.expression;
      const onTest = ts.isIdentifier(expression) &&
        ["test", "it", "describe", "t", "context"].includes(expression.text);
      if (onTest && ["only", "skip", "todo"].includes(name.text)) {
        found.push(
          `${path}:${
            lineOf(tree, node)
          } calls .${name.text}: use testUnless(reason, ...) of test/support/skip.ts`,
        );
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}
