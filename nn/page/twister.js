/* Random numbers as Python's `random` has them, so that batches are those of Python (Matsumoto & Nishimura 1998). */

class Twister {
  /** From what getstate() gives in Python: 624 words, and how many of them are used up. */
  constructor(words) {
    this.words = Uint32Array.from(words.slice(0, 624));
    this.used = words[624];
  }

  copy() {
    return new Twister([...this.words, this.used]);
  }

  next() {
    if (this.used >= 624) this.refill();
    let y = this.words[this.used++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  refill() {
    const { words } = this;
    for (let i = 0; i < 624; i++) {
      const y = (words[i] & 0x80000000) | (words[(i + 1) % 624] & 0x7fffffff);
      words[i] = words[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.used = 0;
  }

  /** A whole number below another one, each as likely. */
  below(limit) {
    const bits = 32 - Math.clz32(limit);
    for (;;) {
      const found = this.next() >>> (32 - bits);
      if (found < limit) return found;
    }
  }

  /** Put a list into another order, in place. */
  shuffle(list) {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [list[i], list[j]] = [list[j], list[i]];
    }
  }
}
