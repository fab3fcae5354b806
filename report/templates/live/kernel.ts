// The convolution of the live figures, in AssemblyScript 0.28.20. kernel.base64 is what this makes of it:
// npx --yes --package assemblyscript@0.28.20 asc kernel.ts -o kernel.wasm -O3 --noAssert \
//   --runtime stub --enable simd --importMemory && base64 -w0 kernel.wasm > kernel.base64

/**
 * A convolution with a square kernel; four pixels by eight output channels stay in registers.
 * All arrays are float32, images with the channels last.
 *
 * x: (row, row, inputs) with its margin of zeros, row = stride * side + size - 1.
 * weights: (outputs / 8, size, size, inputs, 8). bias: (outputs). outputs: a multiple of 8.
 * y: (side, side, outputs), side at least 2.
 */
export function convolve(
  x: usize, weights: usize, bias: usize, y: usize,
  side: i32, inputs: i32, outputs: i32, size: i32, stride: i32,
): void {
  const pixels = side * side;
  const row = (stride * side + size - 1) * inputs * 4; // in bytes
  const step = stride * inputs * 4;
  const kernelRow = size * inputs * 4; // of neighbouring pixels, which lie side by side
  const block = size * size * inputs * 32; // weights of eight output channels
  for (let o = 0; o < outputs; o += 8) {
    const b0 = v128.load(bias + o * 4);
    const b1 = v128.load(bias + o * 4, 16);
    for (let p = 0; p < pixels; p += 4) {
      const first = min(p, pixels - 4); // the last four overlap those before
      let x0 = x + <usize>((first / side) * stride * row + (first % side) * step);
      let x1 = x + <usize>(((first + 1) / side) * stride * row + ((first + 1) % side) * step);
      let x2 = x + <usize>(((first + 2) / side) * stride * row + ((first + 2) % side) * step);
      let x3 = x + <usize>(((first + 3) / side) * stride * row + ((first + 3) % side) * step);
      let y00 = b0, y01 = b1, y10 = b0, y11 = b1, y20 = b0, y21 = b1, y30 = b0, y31 = b1;
      let w = weights + <usize>((o >> 3) * block);
      for (let k = 0; k < size; k++) {
        for (let i = 0; i < kernelRow; i += 4) {
          const w0 = v128.load(w), w1 = v128.load(w, 16);
          const s0 = v128.load32_splat(x0 + i);
          y00 = f32x4.add(y00, f32x4.mul(w0, s0));
          y01 = f32x4.add(y01, f32x4.mul(w1, s0));
          const s1 = v128.load32_splat(x1 + i);
          y10 = f32x4.add(y10, f32x4.mul(w0, s1));
          y11 = f32x4.add(y11, f32x4.mul(w1, s1));
          const s2 = v128.load32_splat(x2 + i);
          y20 = f32x4.add(y20, f32x4.mul(w0, s2));
          y21 = f32x4.add(y21, f32x4.mul(w1, s2));
          const s3 = v128.load32_splat(x3 + i);
          y30 = f32x4.add(y30, f32x4.mul(w0, s3));
          y31 = f32x4.add(y31, f32x4.mul(w1, s3));
          w += 32;
        }
        x0 += row;
        x1 += row;
        x2 += row;
        x3 += row;
      }
      const out = y + <usize>((first * outputs + o) * 4);
      const next = <usize>(outputs * 4);
      v128.store(out, y00);
      v128.store(out, y01, 16);
      v128.store(out + next, y10);
      v128.store(out + next, y11, 16);
      v128.store(out + 2 * next, y20);
      v128.store(out + 2 * next, y21, 16);
      v128.store(out + 3 * next, y30);
      v128.store(out + 3 * next, y31, 16);
    }
  }
}
