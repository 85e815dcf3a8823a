/** A sparse array by znode id: pages, so that a far id costs a page and no growth copies what is there. */
const PAGE_BITS = 12;
const PAGE_SIZE = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_SIZE - 1;

export class Slots<T> {
  #pages: ((T | undefined)[] | undefined)[] = [];
  size = 0;

  get(id: number): T | undefined {
    return this.#pages[id >>> PAGE_BITS]?.[id & PAGE_MASK];
  }

  set(id: number, value: T): void {
    const index = id >>> PAGE_BITS;
    let page = this.#pages[index];
    if (page === undefined) {
      // No holes: engines keep such arrays fast.
      while (this.#pages.length < index) this.#pages.push(undefined);
      page = new Array<T | undefined>(PAGE_SIZE).fill(undefined);
      this.#pages[index] = page;
    }
    if (page[id & PAGE_MASK] === undefined) this.size++;
    page[id & PAGE_MASK] = value;
  }

  delete(id: number): void {
    const page = this.#pages[id >>> PAGE_BITS];
    if (page === undefined || page[id & PAGE_MASK] === undefined) return;
    page[id & PAGE_MASK] = undefined;
    this.size--;
  }

  clear(): void {
    this.#pages = [];
    this.size = 0;
  }
}
