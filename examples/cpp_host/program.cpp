// Reading programs: the metadata of a safetensors file, and the lines of the `.nir` text in it. NIR writes one operation
// per line, and indents what does not fit there further, so that this needs no grammar.
#include "program.h"

#include <tvm/ffi/extra/json.h>

#include <cctype>
#include <cstring>
#include <sstream>
#include <stdexcept>

namespace nir {
namespace {

namespace json = tvm::ffi::json;

[[noreturn]] void fail(const std::string& message) { throw std::runtime_error("NIR program: " + message); }

// A reader of one line: takes names, punctuation and bracketed parts off its front.
class Line {
 public:
  explicit Line(const std::string& text) : text_(text) {}

  bool take(const std::string& token) {
    skip_spaces();
    if (text_.compare(place_, token.size(), token) != 0) return false;
    place_ += token.size();
    return true;
  }
  void expect(const std::string& token) {
    if (!take(token)) fail("'" + token + "' expected in: " + text_);
  }
  // A plain or quoted name, with its % or @ and without its quotes.
  std::string name() {
    std::string found;
    if (next() == '%' || next() == '@') found += text_[place_++];
    if (place_ < text_.size() && text_[place_] == '"') return found + quoted();
    while (place_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[place_])) || std::strchr("_.$-", text_[place_]) != nullptr))
      found += text_[place_++];
    if (found.empty()) fail("a name expected in: " + text_);
    return found;
  }
  // Everything up to a character of `ends` that stands outside of brackets.
  std::string until(const std::string& ends) {
    skip_spaces();
    size_t start = place_;
    for (int depth = 0; place_ < text_.size(); ++place_) {
      char c = text_[place_];
      if (depth == 0 && ends.find(c) != std::string::npos) break;
      if (std::strchr("[(<{", c) != nullptr) ++depth;
      if (std::strchr("])}>", c) != nullptr) --depth;
    }
    size_t end = place_;
    while (end > start && text_[end - 1] == ' ') --end;
    return text_.substr(start, end - start);
  }
  char next() {
    skip_spaces();
    return place_ < text_.size() ? text_[place_] : '\0';
  }

 private:
  std::string quoted() {
    std::string found;
    for (++place_; place_ < text_.size() && text_[place_] != '"'; ++place_) {
      if (text_[place_] == '\\' && ++place_ < text_.size() && text_[place_] != '"' && text_[place_] != '\\')
        fail("an escape that this reader does not know in: " + text_);
      if (place_ < text_.size()) found += text_[place_];
    }
    if (place_ == text_.size()) fail("unfinished name in: " + text_);
    ++place_;
    return found;
  }
  void skip_spaces() {
    while (place_ < text_.size() && text_[place_] == ' ') ++place_;
  }
  const std::string& text_;
  size_t place_ = 0;
};

// tensor<1x8x8x3xf32> or tensor<...xu8, scale=..., zero_point=...>; the first one of (T, T).
void read_type(const std::string& type, Operation& operation) {
  size_t start = type.find("tensor<"), end = type.find_first_of(",>", start == std::string::npos ? 0 : start);
  if (start == std::string::npos || end == std::string::npos) fail("a type expected, found " + type);
  std::stringstream parts(type.substr(start + 7, end - start - 7));
  std::vector<std::string> pieces;
  for (std::string piece; std::getline(parts, piece, 'x');) pieces.push_back(piece);
  operation.element = pieces.back();
  pieces.pop_back();
  for (const std::string& piece : pieces) {
    if (piece == "?") fail("dimensions that are known only at run time are not supported");
    operation.shape.push_back(std::stoll(piece));
  }
}

Operation read_operation(const std::string& text) {
  Line line(text);
  Operation operation;
  do operation.results.push_back(line.name());
  while (line.take(","));
  line.expect("=");
  operation.name = line.name();
  if (line.next() == '@')
    operation.subject = line.name();
  else if (std::strchr("({:", line.next()) == nullptr)
    operation.subject = line.until("({:");
  if (line.take("(")) {
    while (!line.take(")")) {
      operation.operands.push_back(line.name());
      line.take(",");
    }
  }
  if (line.take("{")) {
    while (!line.take("}")) {
      std::string key = line.name();
      line.expect("=");
      operation.attributes[key] = line.until(",}");
      line.take(",");
    }
  }
  line.expect(":");
  read_type(line.until(""), operation);
  return operation;
}

// The next line, with those that continue it; false at the end.
bool next_row(std::istream& text, std::string& row) {
  if (!std::getline(text, row)) return false;
  for (std::string more; text.peek() == ' ';) {
    std::streampos place = text.tellg();
    std::getline(text, more);
    if (more.compare(0, 4, "    ") != 0) {
      text.seekg(place);
      break;
    }
    row += more;
  }
  return true;
}

Function read_function(std::istream& text, const std::string& wanted) {
  Function function;
  std::string row;
  while (next_row(text, row)) {
    Line line(row);
    if (!line.take("func")) continue;
    function.name = line.name();
    if (function.name != wanted) continue;
    line.expect("(");
    while (!line.take(")")) {
      function.parameters.push_back(line.name());
      line.until(",)");
      line.take(",");
    }
    while (next_row(text, row)) {
      Line inner(row);
      if (inner.take("}")) return function;
      if (inner.take("return")) {
        while (inner.next() != '\0') {
          function.results.push_back(inner.name());
          inner.take(",");
        }
      } else if (inner.next() == '%') {
        function.operations.push_back(read_operation(row));
      }
    }
  }
  fail("there is no function " + wanted);
}

}  // namespace

Program read_program(tvm::ffi::TensorView encoded) {
  const char* bytes = static_cast<const char*>(encoded.data_ptr()) + encoded.byte_offset();
  uint64_t length = 0, total = encoded.numel();
  if (total < 8) fail("it is cut short");
  std::memcpy(&length, bytes, 8);  // little endian, as are the machines that TVM runs on
  if (length > total - 8) fail("it is cut short");
  tvm::ffi::String message;
  json::Value header = json::Parse(tvm::ffi::String(bytes + 8, length), &message);
  if (!message.empty()) fail("its header is no JSON");
  json::Object metadata = header.cast<json::Object>()[tvm::ffi::String("__metadata__")].cast<json::Object>();
  auto entry = [&](const std::string& key) -> std::string {
    auto found = metadata.find(tvm::ffi::String(key));
    return found == metadata.end() ? "" : std::string((*found).second.cast<tvm::ffi::String>());
  };
  if (entry("nir.program") != "1") fail("it is of version '" + entry("nir.program") + "', expected 1");
  Program program;
  program.text = entry("nir.text");
  program.profile = entry("nir.profile");
  while (true) {
    std::string name = entry("nir.weight." + std::to_string(program.weights.size()));
    if (name.empty()) break;
    program.weights.push_back(name);
  }
  std::stringstream text(program.text);
  program.function = read_function(text, "@" + entry("nir.function"));
  return program;
}

}  // namespace nir
