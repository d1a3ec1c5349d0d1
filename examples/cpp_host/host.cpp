// A program that runs a compiled model without Python: host MODEL.so OUTPUT.bin [INPUT.bin SHAPE]...
//
// Inputs are files of float32 with their shape, such as 1x8x8x3, in the order of the model's parameters; its outputs are
// written one after the other to OUTPUT.bin, also as float32. Regions run on executor.cpp.
#include <tvm/ffi/container/array.h>
#include <tvm/ffi/extra/module.h>
#include <tvm/ffi/function.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <sstream>

#include "executor.h"

namespace ffi = tvm::ffi;

namespace {

// The allocator that tensors need; a host of its own choice of memory is free to have another.
struct Allocator {
  void AllocData(DLTensor* tensor) { tensor->data = std::aligned_alloc(64, (ffi::GetDataSize(*tensor) + 63) / 64 * 64 + 64); }
  void FreeData(DLTensor* tensor) { std::free(tensor->data); }
};

// What regions call: (program, weights..., inputs..., outputs...).
void invoke(ffi::PackedArgs arguments, ffi::Any*) {
  static std::mutex mutex;
  static std::map<std::string, nir::Program> programs;
  std::vector<ffi::TensorView> tensors;
  for (int i = 0; i < arguments.size(); ++i) tensors.push_back(arguments[i].cast<ffi::TensorView>());
  ffi::TensorView encoded = tensors.at(0);
  std::string key(static_cast<const char*>(encoded.data_ptr()), encoded.numel());
  std::lock_guard<std::mutex> guard(mutex);
  auto found = programs.find(key);
  if (found == programs.end()) {
    found = programs.emplace(key, nir::read_program(encoded)).first;
    const nir::Program& program = found->second;
    std::printf("%s: %zu operations, %zu weights, profile %s\n", program.function.name.c_str(),
                program.function.operations.size(), program.weights.size(), program.profile.c_str());
  }
  const nir::Program& program = found->second;
  size_t weights = 1 + program.weights.size(), inputs = weights + program.function.parameters.size();
  if (tensors.size() != inputs + program.function.results.size())
    throw std::runtime_error("NIR: a region was called with another number of tensors than it has");
  nir::execute(program, {tensors.begin() + 1, tensors.begin() + weights}, {tensors.begin() + weights, tensors.begin() + inputs},
               {tensors.begin() + inputs, tensors.end()});
}

ffi::Tensor read_tensor(const std::string& path, const std::string& text) {
  std::vector<int64_t> shape;
  std::stringstream parts(text);
  for (std::string extent; std::getline(parts, extent, 'x');) shape.push_back(std::stoll(extent));
  ffi::Tensor tensor = ffi::Tensor::FromNDAlloc(Allocator(), ffi::Shape(shape), DLDataType{kDLFloat, 32, 1}, DLDevice{kDLCPU, 0});
  std::ifstream file(path, std::ios::binary);
  file.read(static_cast<char*>(tensor.data_ptr()), tensor.numel() * 4);
  if (!file) throw std::runtime_error(path + " is too short for " + text);
  return tensor;
}

void write_result(std::ofstream& file, const ffi::Any& result) {
  if (auto fields = result.as<ffi::Array<ffi::Any>>()) {
    for (const ffi::Any& field : *fields) write_result(file, field);
    return;
  }
  ffi::Tensor tensor = result.cast<ffi::Tensor>();
  file.write(static_cast<const char*>(tensor.data_ptr()), tensor.numel() * 4);
}

int run(int count, char** arguments) {
  if (count < 3 || count % 2 == 0) {
    std::fprintf(stderr, "usage: %s MODEL.so OUTPUT.bin [INPUT.bin SHAPE]...\n", arguments[0]);
    return 2;
  }
  ffi::Function::SetGlobal("nir.runtime.invoke", ffi::Function::FromPacked(invoke));
  std::string path = arguments[1];
  if (path.find('/') == std::string::npos) path = "./" + path;  // else it is looked for where system libraries are
  ffi::Module library = ffi::Module::LoadFromFile(path);
  ffi::Module machine = (*library->GetFunction("vm_load_executable"))().cast<ffi::Module>();
  const int cpu = kDLCPU, first = 0, pooled = 2;  // the device's type and index, and the kind of its allocator
  (*machine->GetFunction("vm_initialization"))(cpu, first, pooled);
  std::vector<ffi::Any> inputs;
  for (int i = 3; i < count; i += 2) inputs.push_back(read_tensor(arguments[i], arguments[i + 1]));
  std::vector<ffi::AnyView> views(inputs.begin(), inputs.end());
  ffi::Any result;
  (*machine->GetFunction("main")).CallPacked(views.data(), static_cast<int32_t>(views.size()), &result);
  std::ofstream file(arguments[2], std::ios::binary);
  write_result(file, result);
  file.close();
  return file ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
