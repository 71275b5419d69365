// Networks from ONNX files, as far as this project's exports go: float32, and the dozen operators they are made of.
//
// A tensor is {dims, data}, its numbers row by row. B positions of a batch, I and O channels or features that come
// in and go out, H height, W width, K side of a kernel, N all that comes before or after an axis.

/** Fields of a protobuf message by their number, each with all its values in order: numbers, or bytes. */
function fields(bytes) {
  const found = new Map();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    let key, value;
    [key, at] = varint(bytes, at);
    const wire = key & 7;
    if (wire === 0) [value, at] = varint(bytes, at);
    else if (wire === 1 || wire === 5) {
      value = wire === 5 && at + 4 <= bytes.length ? view.getFloat32(at, true) : NaN; // doubles have no part in this
      at += wire === 5 ? 4 : 8;
    } else if (wire === 2) {
      const [length, from] = varint(bytes, at);
      at = from + length;
      value = bytes.subarray(from, at);
    }
    if (value === undefined || at > bytes.length) throw new Error("This is no whole ONNX file.");
    if (!found.has(key >> 3)) found.set(key >> 3, []);
    found.get(key >> 3).push(value);
  }
  return found;
}

/** [a whole number of up to 64 bits with a sign, where it ends]. */
function varint(bytes, at) {
  let value = 0n;
  for (let shift = 0n; at < bytes.length; shift += 7n) {
    const byte = bytes[at++];
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return [Number(BigInt.asIntN(64, value)), at];
  }
  return [0, at + 1]; // the file ends within it
}

const text = (bytes) => new TextDecoder().decode(bytes);
const texts = (message, field) => (message.get(field) ?? []).map(text);
const messages = (message, field) => (message.get(field) ?? []).map(fields);
const size = (dims) => dims.reduce((product, n) => product * n, 1);

/** Repeated whole numbers, one to a field or many packed in one. */
function wholes(message, field) {
  return (message.get(field) ?? []).flatMap((value) => {
    if (typeof value === "number") return [value];
    const found = [];
    for (let at = 0, n; at < value.length; found.push(n)) [n, at] = varint(value, at);
    return found;
  });
}

const [FLOAT, INT64] = [1, 7]; // TensorProto.DataType

function tensor(message) {
  const dims = wholes(message, 1);
  const [type] = message.get(2) ?? [];
  const raw = message.get(9)?.[0].slice(); // a copy begins where numbers may
  const Kind = { [FLOAT]: Float32Array, [INT64]: BigInt64Array }[type];
  if (!Kind || raw?.length !== size(dims) * Kind.BYTES_PER_ELEMENT)
    throw new Error(`The tensor “${texts(message, 8)}” is neither float32 nor int64 in raw bytes.`);
  const data = new Kind(raw.buffer);
  return { dims, data: type === FLOAT ? data : Array.from(data, Number) };
}

/** Attributes by name: a tensor, whole numbers, a text, a whole number or a float. */
function attributes(node) {
  const value = (message) => {
    if (message.has(5)) return tensor(fields(message.get(5)[0]));
    if (message.has(8)) return wholes(message, 8);
    if (message.has(4)) return texts(message, 4)[0];
    return (message.get(3) ?? message.get(2))?.[0];
  };
  return Object.fromEntries(messages(node, 5).map((message) => [texts(message, 1)[0], value(message)]));
}

/** Refuses what this file does not compute: `given` must be what is wanted where it is said at all. */
function only(operator, given, wanted) {
  for (const [name, value] of Object.entries(wanted)) {
    if (given[name] !== undefined && String(given[name]) !== String(value))
      throw new Error(`This page cannot compute the operator “${operator}” with ${name} ${given[name]}.`);
  }
}

/** data[o][r] = rows[r] · weight[o] + bias[o]. Four outputs at a time, since here is where the time goes. */
function products(rows, weight, bias, data, length) {
  const [outputs, count] = [weight.length / length, rows.length / length];
  for (let o = 0; o < outputs; o += 4) {
    const [w0, w1, w2, w3] = [0, 1, 2, 3].map((n) => Math.min(o + n, outputs - 1) * length);
    for (let r = 0; r < count; r++) {
      const at = r * length;
      let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
      for (let i = 0; i < length; i++) {
        const x = rows[at + i];
        sum0 += x * weight[w0 + i];
        sum1 += x * weight[w1 + i];
        sum2 += x * weight[w2 + i];
        sum3 += x * weight[w3 + i];
      }
      // Past the last output there is no place, and a typed array takes no notice.
      [sum0, sum1, sum2, sum3].forEach((sum, n) => (data[(o + n) * count + r] = sum + bias[o + n]));
    }
  }
}

/** Cross-correlation with a square kernel and zeros around the board, whose size it keeps. */
function conv([x, weight, bias], given) {
  const [batch, inputs, height, width] = x.dims;
  const [outputs, , kernel] = weight.dims;
  const pad = (kernel - 1) / 2;
  const same = { kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad], strides: [1, 1] };
  only("Conv", given, { ...same, dilations: [1, 1], group: 1, auto_pad: "NOTSET" });
  const board = height * width;
  const length = inputs * kernel * kernel;
  const data = new Float32Array(batch * outputs * board);
  const rows = new Float32Array(board * length); // what every cell's kernel sees
  for (let b = 0; b < batch; b++) {
    let at = 0;
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++)
        for (let i = 0; i < inputs; i++)
          for (let r = row - pad; r <= row + pad; r++)
            for (let c = column - pad; c <= column + pad; c++) {
              const inside = r >= 0 && r < height && c >= 0 && c < width;
              rows[at++] = inside ? x.data[(b * inputs + i) * board + r * width + c] : 0;
            }
    const place = b * outputs * board;
    products(rows, weight.data, bias.data, data.subarray(place, place + outputs * board), length);
  }
  return { dims: [batch, outputs, height, width], data };
}

/** x @ weight.T + bias. */
function gemm([x, weight, bias], given) {
  only("Gemm", given, { alpha: 1, beta: 1, transA: 0 });
  if (given.transB !== 1) throw new Error("This page cannot compute the operator “Gemm” with transB 0.");
  const [[batch, inputs], [outputs]] = [x.dims, weight.dims];
  const data = new Float32Array(batch * outputs);
  for (let b = 0; b < batch; b++) {
    const row = x.data.subarray(b * inputs, (b + 1) * inputs);
    products(row, weight.data, bias.data, data.subarray(b * outputs, (b + 1) * outputs), inputs);
  }
  return { dims: [batch, outputs], data };
}

/** A number for each channel from its whole board. */
function pooled(operator, [x], given, of) {
  const [batch, channels, height, width] = x.dims;
  const whole = { kernel_shape: [height, width], pads: [0, 0, 0, 0], dilations: [1, 1], auto_pad: "NOTSET" };
  only(operator, given, whole);
  const data = Float32Array.from({ length: batch * channels }, (_, n) =>
    of(x.data.subarray(n * height * width, (n + 1) * height * width)),
  );
  return { dims: [batch, channels, 1, 1], data };
}

/** Sums of two tensors of as many axes, one of which may be 1 long where the other is longer. */
function add([a, b]) {
  if (a.dims.length !== b.dims.length || a.dims.some((n, i) => n !== b.dims[i] && n !== 1 && b.dims[i] !== 1))
    throw new Error(`This page cannot add tensors of ${a.dims.join(" × ")} and ${b.dims.join(" × ")}.`);
  const dims = a.dims.map((n, i) => Math.max(n, b.dims[i]));
  const data = new Float32Array(size(dims));
  const place = (of, n) => {
    let [at, stride] = [0, 1];
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      if (of.dims[axis] > 1) at += (n % dims[axis]) * stride;
      stride *= of.dims[axis];
      n = Math.floor(n / dims[axis]);
    }
    return at;
  };
  const [wholeA, wholeB] = [a, b].map((each) => each.data.length === data.length);
  for (let n = 0; n < data.length; n++)
    data[n] = a.data[wholeA ? n : place(a, n)] + b.data[wholeB ? n : place(b, n)];
  return { dims, data };
}

function concat(parts, { axis }) {
  const [before, after] = [parts[0].dims.slice(0, axis), parts[0].dims.slice(axis + 1)];
  const dims = [...before, parts.reduce((sum, part) => sum + part.dims[axis], 0), ...after];
  const data = new Float32Array(size(dims));
  let at = 0;
  for (let n = 0; n < size(before); n++)
    for (const part of parts) {
      const length = part.dims[axis] * size(after);
      data.set(part.data.subarray(n * length, (n + 1) * length), at);
      at += length;
    }
  return { dims, data };
}

/** Over the last axis. */
function softmax([x], given) {
  only("Softmax", given, { axis: x.dims.length - 1 });
  const [length] = x.dims.slice(-1);
  const data = x.data.slice();
  for (let at = 0; at < data.length; at += length) {
    const row = data.subarray(at, at + length);
    const most = Math.max(...row);
    row.forEach((logit, n) => (row[n] = Math.exp(logit - most)));
    const sum = row.reduce((total, each) => total + each, 0);
    row.forEach((each, n) => (row[n] = each / sum));
  }
  return { dims: x.dims, data };
}

const OPERATORS = {
  Add: add,
  AveragePool: (inputs, given) =>
    pooled("AveragePool", inputs, given, (row) => row.reduce((sum, each) => sum + each, 0) / row.length),
  Concat: concat,
  Constant: (_, { value }) => value,
  Conv: conv,
  Flatten: ([x], { axis = 1 }) => ({
    dims: [size(x.dims.slice(0, axis)), size(x.dims.slice(axis))],
    data: x.data,
  }),
  Gemm: gemm,
  Identity: ([x]) => x,
  MaxPool: (inputs, given) => pooled("MaxPool", inputs, given, (row) => Math.max(...row)),
  Relu: ([x]) => ({ dims: x.dims, data: x.data.map((each) => Math.max(each, 0)) }),
  Softmax: softmax,
  Unsqueeze: ([x, axes]) => {
    const dims = [...x.dims];
    for (const axis of axes.data) dims.splice(axis, 0, 1);
    return { dims, data: x.data };
  },
};

/** A network from the bytes of its file; an Error that names what it has and this page cannot compute. */
export class Network {
  constructor(bytes) {
    const [graph] = messages(fields(bytes), 7);
    if (!graph) throw new Error("This is no whole ONNX file.");
    this.weights = messages(graph, 5).map((message) => [texts(message, 8)[0], tensor(message)]);
    this.outputs = messages(graph, 12).map((message) => texts(message, 1)[0]);
    this.nodes = messages(graph, 1).map((node) => {
      const [operator] = texts(node, 4);
      if (!Object.hasOwn(OPERATORS, operator))
        throw new Error(`This page cannot compute the network: it has the operator “${operator}”.`);
      return { operator, inputs: texts(node, 1), outputs: texts(node, 2), given: attributes(node) };
    });
  }

  /** Its outputs by name, for inputs by name. */
  run(inputs) {
    const values = new Map([...this.weights, ...Object.entries(inputs)]);
    for (const node of this.nodes) {
      const found = OPERATORS[node.operator](
        node.inputs.map((name) => values.get(name)),
        node.given,
      );
      values.set(node.outputs[0], found);
    }
    return Object.fromEntries(this.outputs.map((name) => [name, values.get(name)]));
  }
}
