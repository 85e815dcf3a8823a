/** A pool of a few places: items start in order, beside each other, but one that asks to be alone has all of it. */

export async function runPool<Item extends { readonly alone: boolean }>(
  items: readonly Item[],
  slots: number,
  run: (item: Item, slot: number, index: number) => Promise<void>,
): Promise<void> {
  const indexed = items.map((item, index) => ({ item, index }));
  const queue = indexed.filter(({ item }) => !item.alone);
  const drain = async (slot: number) => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await run(next.item, slot, next.index);
    }
  };
  await Promise.all(Array.from({ length: slots }, (_, slot) => drain(slot)));
  for (const { item, index } of indexed) if (item.alone) await run(item, 0, index);
}
