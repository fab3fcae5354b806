"use strict";
// Runs a model of the report: its network, layer by layer, and the samplers of hotcold/samplers.
// Messages: {model, kernel} builds it; {start, run} starts a sampler; {run} asks for the next state.

const [LOW, HIGH, SIDE] = [-0.5, 0.5, 28];
const PIXELS = SIDE * SIDE;
const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/**
 * The network as a function (x_t, t / T, label) -> output, of which images are arrays of (28, 28).
 * Values are float32 in the memory of the kernel, (side, side, channels).
 */
function build(kernel, { layers, weights }) {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { convolve } = new WebAssembly.Instance(new WebAssembly.Module(kernel), { env: { memory } }).exports;
  const stored = new DataView(bytes(weights).buffer);
  let [position, end] = [0, 0];
  const steps = [];

  function value(side, channels) {
    const [at, length] = [end, side * side * channels];
    end += 16 * Math.ceil(length / 4);
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    return { at, side, channels, get data() { return new Float32Array(memory.buffer, at, length); } };
  }
  function half() {
    const bits = stored.getUint16(position, true);
    position += 2;
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    return (bits >> 15 ? -1 : 1) * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
  }
  /** The next weights: those with rows in int8, after the scale of each row; others in float16. */
  function read(shape) {
    const size = shape.reduce((a, b) => a * b);
    if (shape.length === 1) return Float32Array.from({ length: size }, half);
    const scales = Array.from({ length: shape[0] }, half);
    const row = size / shape[0];
    return Float32Array.from({ length: size }, (_, i) => scales[Math.floor(i / row)] * stored.getInt8(position++));
  }

  const operations = {
    convolution([x], { shapes: [[outputs, inputs, size], [biases]], stride = 1 }) {
      const [wide, side] = [8 * Math.ceil(outputs / 8), x.side / stride];
      const [margin, row] = [size >> 1, x.side + size - 1];
      const [weight, bias] = [value(1, wide * inputs * size ** 2), value(1, wide)];
      const source = read([outputs, inputs, size, size]);
      const target = weight.data;
      for (let o = 0; o < outputs; o++) for (let i = 0; i < inputs; i++) for (let k = 0; k < size ** 2; k++)
        target[(((o >> 3) * size ** 2 + k) * inputs + i) * 8 + (o & 7)] = source[(o * inputs + i) * size ** 2 + k];
      bias.data.set(read([biases]));
      const [padded, y] = [value(row, inputs), value(side, wide)];
      const result = wide === outputs ? y : value(side, outputs);
      steps.push(() => {
        const [from, to] = [x.data, padded.data];
        const line = x.side * inputs;
        for (let i = 0; i < x.side; i++) to.set(from.subarray(i * line, (i + 1) * line), ((i + margin) * row + margin) * inputs);
        convolve(padded.at, weight.at, bias.at, y.at, side, inputs, wide, size, stride);
        if (result !== y) result.data.forEach((_, i, all) => { all[i] = y.data[Math.floor(i / outputs) * wide + i % outputs]; });
      });
      return result;
    },
    linear([x], { shapes: [[outputs, inputs], [biases]] }) {
      const [weight, bias, y] = [read([outputs, inputs]), read([biases]), value(1, outputs)];
      steps.push(() => {
        const [from, to] = [x.data, y.data];
        for (let o = 0; o < outputs; o++) {
          let sum = bias[o];
          for (let i = 0; i < inputs; i++) sum += weight[o * inputs + i] * from[i];
          to[o] = sum;
        }
      });
      return y;
    },
    embedding([label], { shapes: [[rows, width]] }) {
      const [table, y] = [read([rows, width]), value(1, width)];
      steps.push(() => y.data.set(table.subarray(label.data[0] * width, (label.data[0] + 1) * width)));
      return y;
    },
    time([t], { omega, shapes: [first, firstBias, second, secondBias] }) {
      const features = value(1, 2 * omega.length);
      steps.push(() => omega.forEach((frequency, i) => {
        const phase = Math.fround(t.data[0] * frequency);
        features.data[i] = Math.sin(phase);
        features.data[omega.length + i] = Math.cos(phase);
      }));
      const hidden = operations.silu([operations.linear([features], { shapes: [first, firstBias] })]);
      return operations.silu([operations.linear([hidden], { shapes: [second, secondBias] })]);
    },
    norm([x], { groups, eps, shapes: [[channels]] }) {
      const [weight, bias, y] = [read([channels]), read([channels]), value(x.side, channels)];
      const [size, count] = [channels / groups, x.side ** 2 * channels / groups];
      const [sum, squares, scale, shift] = Array.from({ length: 4 }, () => new Float64Array(channels));
      steps.push(() => {
        const [from, to] = [x.data, y.data];
        const length = from.length;
        sum.fill(0);
        squares.fill(0);
        for (let i = 0; i < length;) for (let c = 0; c < channels; c++, i++) {
          sum[c] += from[i];
          squares[c] += from[i] * from[i];
        }
        for (let first = 0; first < channels; first += size) {
          const [total, square] = [sum, squares].map((each) => each.subarray(first, first + size).reduce((a, b) => a + b));
          const mean = total / count;
          const inverse = 1 / Math.sqrt(square / count - mean * mean + eps);
          for (let c = first; c < first + size; c++) {
            scale[c] = weight[c] * inverse;
            shift[c] = bias[c] - mean * scale[c];
          }
        }
        for (let i = 0; i < length;) for (let c = 0; c < channels; c++, i++) to[i] = from[i] * scale[c] + shift[c];
      });
      return y;
    },
    silu([x]) {
      const y = value(x.side, x.channels);
      steps.push(() => {
        const [from, to] = [x.data, y.data];
        for (let i = 0; i < from.length; i++) to[i] = from[i] / (1 + Math.exp(-from[i]));
      });
      return y;
    },
    add([a, b]) {
      const y = value(a.side, a.channels);
      steps.push(() => {
        const [left, right, to] = [a.data, b.data, y.data];
        for (let i = 0; i < left.length; i += right.length) // b may be one value for each channel
          for (let j = 0; j < right.length; j++) to[i + j] = left[i + j] + right[j];
      });
      return y;
    },
    double([x]) {
      const y = value(2 * x.side, x.channels);
      steps.push(() => {
        const [from, to] = [x.data, y.data];
        for (let i = 0; i < y.side; i++) for (let j = 0; j < y.side; j++) {
          const pixel = ((i >> 1) * x.side + (j >> 1)) * x.channels;
          to.set(from.subarray(pixel, pixel + x.channels), (i * y.side + j) * x.channels);
        }
      });
      return y;
    },
    attention([x], { heads, groups, eps, shapes: [scale, shift, inner, innerBias, outer, outerBias] }) {
      const normed = operations.norm([x], { groups, eps, shapes: [scale, shift] });
      const qkv = operations.convolution([normed], { shapes: [inner, innerBias] });
      const attended = value(x.side, x.channels);
      const [channels, positions] = [x.channels, x.side ** 2];
      const width = channels / heads;
      const weight = new Float64Array(positions);
      steps.push(() => {
        const [from, to] = [qkv.data, attended.data];
        for (let head = 0; head < channels; head += width) for (let i = 0; i < positions; i++) {
          let largest = -Infinity;
          for (let j = 0; j < positions; j++) {
            let product = 0;
            for (let c = head; c < head + width; c++) product += from[3 * channels * i + c] * from[3 * channels * j + channels + c];
            weight[j] = product / Math.sqrt(width);
            largest = Math.max(largest, weight[j]);
          }
          let sum = 0;
          for (let j = 0; j < positions; j++) sum += weight[j] = Math.exp(weight[j] - largest);
          for (let c = head; c < head + width; c++) {
            let mean = 0;
            for (let j = 0; j < positions; j++) mean += weight[j] * from[3 * channels * j + 2 * channels + c];
            to[channels * i + c] = mean / sum;
          }
        }
      });
      return operations.add([x, operations.convolution([attended], { shapes: [outer, outerBias] })]);
    },
  };

  const inputs = [value(SIDE, 1), value(1, 1), value(1, 1)];
  const values = [...inputs];
  for (const layer of layers) values.push(operations[layer.op](layer.from.map((place) => values[place]), layer));
  return (...given) => {
    inputs.forEach((input, i) => input.data.set(given[i]?.length ? given[i] : [given[i] ?? 0]));
    for (const step of steps) step();
    return values.at(-1).data.slice();
  };
}

/** Uniform numbers in [0, 1) from a seed: mulberry32, a generator with 32 bits of state. */
function uniform(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}
const draw = (random) => Float64Array.from({ length: PIXELS }, random);
/** Standard normal numbers from uniform ones, by Box and Muller. */
const normal = (random) => () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const EPS = { // of x_t, the output of the network, and the factors of x_0 and of the noise in x_t
  eps: (x, output) => output,
  x_0: (x, output, signal, noise) => (x - signal * output) / noise,
  v: (x, output, signal, noise) => signal * output + noise * x,
};

/** DDIM (hotcold/samplers/ddim) with guidance (hotcold/sampling/predictors.py): x_t and x_0_hat. */
function* generate({ predicts, schedule, T, network, classes }, { label, guidance, steps, eta, seed }) {
  const random = normal(uniform(seed));
  let x = draw(random);
  yield { t: T, x };
  for (let k = steps; k > 0; k--) {
    const [t, s] = [k, k - 1].map((each) => Math.round(T * each / steps));
    const [signal, noise] = [Math.sqrt(schedule[t]), Math.sqrt(1 - schedule[t])];
    const outputs = [classes, label].map((known, i) => guidance === 1 - i ? null : network(x, t / T, known));
    const eps = x.map((value, i) => {
      const [without, withLabel] = outputs.map((output) => output && EPS[predicts](value, output[i], signal, noise));
      return outputs[0] && outputs[1] ? without + guidance * (withLabel - without) : outputs[0] ? without : withLabel;
    });
    const x_0 = x.map((value, i) => (value - noise * eps[i]) / signal);
    const std = eta * Math.sqrt((1 - schedule[s]) / (1 - schedule[t]) * (1 - schedule[t] / schedule[s]));
    const rest = Math.sqrt(Math.max(0, 1 - schedule[s] - std ** 2));
    x = x_0.map((value, i) => Math.sqrt(schedule[s]) * value + rest * eps[i]);
    if (std > 0) x = x.map((value) => value + std * random());
    yield { t: s, x, x_0 };
  }
}

/** Both cold samplers (hotcold/samplers/cold) of one image that impulse noise degraded. */
function* restore({ schedule, T, network }, { image, share, seed }) {
  const random = uniform(seed);
  const degrade = (x_0, u, t) => x_0.map((value, i) => {
    const threshold = t ? schedule[t] : -1;
    return u[i] > 1 - threshold ? LOW : u[i] <= threshold ? HIGH : value;
  });
  let start = 1; // the step at which this share of the pixels is replaced
  while (start < T && 2 * schedule[start] < share) start++;
  const noise = draw(random);
  let naive = degrade(Float64Array.from(image), noise, start);
  let improved = naive;
  const [degraded, one_step] = [naive, network(naive, start / T)];
  yield { t: start, degraded, one_step, naive, improved };
  for (let t = start; t > 0; t--) {
    const naive_x_0 = Float64Array.from(network(naive, t / T));
    naive = degrade(naive_x_0, draw(random), t - 1);
    const improved_x_0 = Float64Array.from(network(improved, t / T));
    const [before, after] = [t, t - 1].map((each) => degrade(improved_x_0, noise, each));
    improved = improved.map((value, i) => value - before[i] + after[i]);
    yield { t: t - 1, degraded, one_step, naive, naive_x_0, improved, improved_x_0 };
  }
}

let model;
let states;
onmessage = ({ data: { model: text, kernel, start, run } }) => {
  if (text) {
    model = JSON.parse(text);
    model.network = build(bytes(kernel), model);
    model.schedule = new Float64Array(bytes(model.schedule).buffer);
    model.classes = model.layers.find(({ op }) => op === "embedding")?.shapes[0][0] - 1; // the last row: no label
    return postMessage({ ready: true });
  }
  if (start) states = (start.image ? restore : generate)(model, start);
  postMessage({ run, ...states.next().value });
};
