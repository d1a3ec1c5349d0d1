// float32 only: const, add, mul, maximum, relu, conv_2d (NHWC, OHWI) and fully_connected, with the activations relu and relu6.
#include "executor.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <sstream>
#include <stdexcept>

namespace nir {
namespace {

struct Array {
  std::vector<int64_t> shape;
  std::vector<float> elements;
};

[[noreturn]] void fail(const std::string& message) { throw std::runtime_error("NIR executor: " + message); }

int64_t size_of(const std::vector<int64_t>& shape) {
  int64_t size = 1;
  for (int64_t extent : shape) size *= extent;
  return size;
}

float* data_of(tvm::ffi::TensorView tensor) {
  if (tensor.dtype().code != kDLFloat || tensor.dtype().bits != 32) fail("only float32 is supported");
  return reinterpret_cast<float*>(static_cast<char*>(tensor.data_ptr()) + tensor.byte_offset());
}

Array array_of(tvm::ffi::TensorView tensor) {
  const float* data = data_of(tensor);
  return {{tensor.shape().begin(), tensor.shape().end()}, {data, data + tensor.numel()}};
}

// `[1, 2]` as numbers; the default where the attribute is not written.
std::vector<int64_t> numbers(const Operation& operation, const std::string& key, std::vector<int64_t> otherwise) {
  auto found = operation.attributes.find(key);
  if (found == operation.attributes.end()) return otherwise;
  std::string text = found->second;
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '[' || c == ']' || c == ','; }, ' ');
  std::stringstream stream(text);
  std::vector<int64_t> result;
  for (int64_t number; stream >> number;) result.push_back(number);
  if (result.empty()) fail(key + " = " + found->second + " is not supported");
  return result;
}

void activate(const Operation& operation, Array& array) {
  auto found = operation.attributes.find("activation");
  std::string activation = operation.name == "relu" ? "relu" : found == operation.attributes.end() ? "none" : found->second;
  if (activation != "none" && activation != "relu" && activation != "relu6") fail("activation " + activation);
  if (activation == "none") return;
  for (float& x : array.elements) x = std::max(x, 0.0f);
  if (activation == "relu6")
    for (float& x : array.elements) x = std::min(x, 6.0f);
}

Array elementwise(const Operation& operation, const Array& a, const Array& b, float (*combine)(float, float)) {
  if (a.shape != b.shape && size_of(b.shape) != 1) fail(operation.name + " of different shapes");
  Array result{operation.shape, a.elements};
  for (size_t i = 0; i < a.elements.size(); ++i)
    result.elements[i] = combine(a.elements[i], b.elements[b.elements.size() == 1 ? 0 : i]);
  return result;
}

Array fully_connected(const Operation& operation, const Array& x, const Array& w, const Array& bias) {
  int64_t units = w.shape[0], inputs = w.shape[1], rows = size_of(x.shape) / inputs;
  Array result{operation.shape, std::vector<float>(rows * units)};
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t unit = 0; unit < units; ++unit) {
      float sum = bias.elements[unit];
      for (int64_t i = 0; i < inputs; ++i) sum += x.elements[row * inputs + i] * w.elements[unit * inputs + i];
      result.elements[row * units + unit] = sum;
    }
  return result;
}

Array convolution(const Operation& operation, const Array& x, const Array& w, const Array& bias) {
  auto strides = numbers(operation, "strides", {1, 1}), dilations = numbers(operation, "dilations", {1, 1});
  auto padding = numbers(operation, "padding", {0, 0, 0, 0});  // top, bottom, left, right
  for (const char* key : {"layout", "groups"})
    if (operation.attributes.count(key)) fail(std::string("conv_2d with ") + key);
  int64_t height = x.shape[1], width = x.shape[2], channels = x.shape[3];
  int64_t rows = operation.shape[1], columns = operation.shape[2], filters = w.shape[0];
  Array result{operation.shape, std::vector<float>(size_of(operation.shape))};
  float* out = result.elements.data();
  for (int64_t n = 0; n < x.shape[0]; ++n)
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column)
        for (int64_t filter = 0; filter < filters; ++filter, ++out) {
          *out = bias.elements[filter];
          for (int64_t i = 0; i < w.shape[1]; ++i)
            for (int64_t j = 0; j < w.shape[2]; ++j) {
              int64_t y = row * strides[0] - padding[0] + i * dilations[0];
              int64_t z = column * strides[1] - padding[2] + j * dilations[1];
              if (y < 0 || y >= height || z < 0 || z >= width) continue;
              const float* pixel = &x.elements[((n * height + y) * width + z) * channels];
              const float* taps = &w.elements[((filter * w.shape[1] + i) * w.shape[2] + j) * channels];
              for (int64_t c = 0; c < channels; ++c) *out += pixel[c] * taps[c];
            }
        }
  return result;
}

// `dense<0.5>` or `dense<[1.0, 2.0]>`.
Array inline_constant(const Operation& operation) {
  std::string text = operation.subject.substr(6, operation.subject.size() - 7);
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '[' || c == ']' || c == ','; }, ' ');
  std::stringstream stream(text);
  Array result{operation.shape, {}};
  for (std::string word; stream >> word;) result.elements.push_back(std::stof(word));
  if (result.elements.size() == 1) result.elements.resize(size_of(operation.shape), result.elements[0]);
  return result;
}

Array compute(const Operation& operation, const std::map<std::string, Array>& values) {
  auto operand = [&](size_t index) -> const Array& { return values.at(operation.operands.at(index)); };
  if (operation.element != "f32") fail(operation.name + " gives " + operation.element + ", only f32 is supported");
  if (operation.name == "add") return elementwise(operation, operand(0), operand(1), [](float a, float b) { return a + b; });
  if (operation.name == "mul") return elementwise(operation, operand(0), operand(1), [](float a, float b) { return a * b; });
  if (operation.name == "maximum") return elementwise(operation, operand(0), operand(1), [](float a, float b) { return std::max(a, b); });
  if (operation.name == "relu") return operand(0);
  if (operation.name == "fully_connected") return fully_connected(operation, operand(0), operand(1), operand(2));
  if (operation.name == "conv_2d") return convolution(operation, operand(0), operand(1), operand(2));
  fail("there is no operator " + operation.name);
}

}  // namespace

void execute(const Program& program, const std::vector<tvm::ffi::TensorView>& weights,
             const std::vector<tvm::ffi::TensorView>& inputs, const std::vector<tvm::ffi::TensorView>& outputs) {
  const Function& function = program.function;
  if (inputs.size() != function.parameters.size() || outputs.size() != function.results.size())
    fail("another number of tensors than the program has");
  std::map<std::string, Array> values, named;
  for (size_t i = 0; i < weights.size(); ++i) named.emplace("@" + program.weights[i], array_of(weights[i]));
  for (size_t i = 0; i < inputs.size(); ++i) values.emplace(function.parameters[i], array_of(inputs[i]));
  for (const Operation& operation : function.operations) {
    Array result = operation.name != "const"              ? compute(operation, values)
                   : operation.subject[0] == '@' ? named.at(operation.subject)
                                                          : inline_constant(operation);
    if (operation.name != "const") activate(operation, result);
    values[operation.results[0]] = std::move(result);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Array& result = values.at(function.results[i]);
    if (static_cast<int64_t>(result.elements.size()) != outputs[i].numel()) fail("a result of another size");
    std::memcpy(data_of(outputs[i]), result.elements.data(), result.elements.size() * sizeof(float));
  }
}

}  // namespace nir
