// SPDX-License-Identifier: Apache-2.0
// Server-sent events out of pieces of text, however they are cut (HTML Standard, section 9.2.6): lines end in LF, CRLF
// or CR, an empty line ends an event, of the fields only "data" matters here.

const lineCap = 1 << 20;

export class EventStream {
  private rest = "";
  private data: string[] = [];

  /** The data of the events that end in this piece. Throws RangeError where one is longer than anybody would send. */
  push(piece: string): string[] {
    const events: string[] = [];
    this.rest += piece;
    if (this.rest.length > lineCap) throw new RangeError("an event of the answer is too long");
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.rest);
      if (end === null) return events;
      const line = this.rest.slice(0, end.index);
      this.rest = this.rest.slice(end.index + end[0].length);
      if (line !== "") {
        const match = /^data:? ?(.*)$/.exec(line);
        if (match !== null) this.data.push(match[1] ?? "");
      } else if (this.data.length > 0) {
        events.push(this.data.join("\n"));
        this.data = [];
      }
    }
  }
}
