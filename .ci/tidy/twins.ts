/**
 * Each module of src/ that does something has a test: one of its name in test/'s mirror, one that imports it, or one
 * that imports what its own folder builds from it.
 */
import ts from "typescript";
import type { Source } from "./source.ts";

export function checkTwins(sources: readonly Source[]): string[] {
  const names = new Set(sources.map(({ path }) => path));
  const tested = testedModules(sources);
  return sources
    .filter(({ path, tree }) =>
      path.startsWith("src/") && path.split("/").length > 2 && actsAtRunTime(tree)
    )
    .filter(({ path }) => !tested.has(path) && !names.has(twinOf(path)))
    .map(({ path }) => `${path} has no test: ${twinOf(path)} is missing, and no test reaches it`);
}

/** What tests import, and from there whatever is imported inside the same folder of src/. */
function testedModules(sources: readonly Source[]): Set<string> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const filesOf = (path: string) =>
    byPath.get(path)?.imports.flatMap(({ file, typeOnly }) => typeOnly ? [] : file ?? []) ?? [];
  const folderOf = (path: string) => path.split("/").slice(0, 2).join("/");
  const tested = new Set<string>();
  const visit = (path: string): void => {
    if (tested.has(path)) return;
    tested.add(path);
    for (const next of filesOf(path)) if (folderOf(next) === folderOf(path)) visit(next);
  };
  for (const { path } of sources) {
    if (path.startsWith("test/")) {
      filesOf(path).filter((to) => to.startsWith("src/")).forEach(visit);
    }
  }
  return tested;
}

function twinOf(path: string): string {
  return `test/${path.slice("src/".length, -".ts".length)}.test.ts`;
}

/** Types and re-exports alone need no test of their own. */
function actsAtRunTime(tree: ts.SourceFile): boolean {
  return tree.statements.some((statement) =>
    !ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement) &&
    !ts.isInterfaceDeclaration(statement) && !ts.isTypeAliasDeclaration(statement)
  );
}
