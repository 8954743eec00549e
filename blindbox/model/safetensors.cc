// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/safetensors.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "blindbox/base/reader.h"
#include "blindbox/fetch/json.h"

namespace blindbox::model {
namespace {

using fetch::Json;

constexpr std::size_t kMaxTensors = 1U << 17;
constexpr std::size_t kMaxDimensions = 8;
constexpr std::size_t kMaxName = 512;

struct Type {
  std::string_view name;
  std::uint64_t bits;
};
// Those of the format; a size is needed of the ones that we skip, too.
constexpr std::array kTypes = {Type{"F64", 64},    Type{"I64", 64},    Type{"U64", 64}, Type{"F32", 32},
                               Type{"I32", 32},    Type{"U32", 32},    Type{"F16", 16}, Type{"BF16", 16},
                               Type{"I16", 16},    Type{"U16", 16},    Type{"I8", 8},   Type{"U8", 8},
                               Type{"F8_E4M3", 8}, Type{"F8_E5M2", 8}, Type{"BOOL", 8}};

tl::unexpected<Error> bad(std::string what, std::string detail = {}) {
  return base::fail(ErrorKind::malformed, "not a valid safetensors file: " + std::move(what), std::move(detail));
}

// A whole number that is not negative and fits; JSON's 1.0 is none.
std::optional<std::uint64_t> whole(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  return value.get<std::uint64_t>();
}

Result<std::uint64_t> byte_count(const SafeTensor& tensor) {
  const auto type =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const Type& row) { return row.name == tensor.dtype_name; });
  if (type == kTypes.end()) {
    return bad("a tensor is of an unknown type", fetch::shown(tensor.name + ": " + tensor.dtype_name));
  }
  std::uint64_t count = type->bits / 8;
  for (const std::uint64_t size : tensor.shape) {
    if (size != 0 && count > std::numeric_limits<std::uint64_t>::max() / size) {
      return bad("a tensor's shape is impossible", fetch::shown(tensor.name));
    }
    count *= size;
  }
  return count;
}

// "name": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}, and nothing else.
Result<SafeTensor> read_tensor(const std::string& name, const Json& entry, std::uint64_t data,
                               std::uint64_t file_size) {
  const auto wrong = [&name](const char* what) { return bad(what, fetch::shown(name)); };
  if (name.empty() || name.size() > kMaxName) return wrong("a tensor's name is empty or too long");
  if (!entry.is_object() || entry.size() != 3) return wrong("a tensor has other members than the format knows");
  const auto dtype = entry.find("dtype"), shape = entry.find("shape"), offsets = entry.find("data_offsets");
  if (dtype == entry.end() || !dtype->is_string() || shape == entry.end() || !shape->is_array() ||
      offsets == entry.end() || !offsets->is_array() || offsets->size() != 2) {
    return wrong("a tensor lacks its type, shape or place");
  }
  SafeTensor out;
  out.name = name;
  out.dtype_name = dtype->get<std::string>();
  if (out.dtype_name == "F32") out.dtype = Dtype::f32;
  if (out.dtype_name == "F16") out.dtype = Dtype::f16;
  if (out.dtype_name == "BF16") out.dtype = Dtype::bf16;
  if (shape->size() > kMaxDimensions) return wrong("a tensor has too many dimensions");
  for (const Json& size : *shape) {
    const auto value = whole(size);
    if (!value) return wrong("a tensor's shape is impossible");
    out.shape.push_back(*value);
  }
  const auto begin = whole((*offsets)[0]), end = whole((*offsets)[1]);
  if (!begin || !end || *begin > *end || *end > file_size - data) return wrong("a tensor lies outside the file");
  auto bytes = byte_count(out);
  if (!bytes) return base::pass_on(bytes);
  if (*bytes != *end - *begin) {
    return bad("a tensor's place is not as large as its shape",
               fetch::shown(name) + ": " + std::to_string(*end - *begin) + " bytes, shape " + std::to_string(*bytes));
  }
  out.begin = data + *begin;
  out.bytes = *bytes;
  return out;
}

// One behind the other from data to the end of the file: no overlap, no room for what nobody describes.
Result<void> check_places(std::vector<SafeTensor>& tensors, std::uint64_t data, std::uint64_t file_size) {
  std::sort(tensors.begin(), tensors.end(), [](const SafeTensor& a, const SafeTensor& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.bytes < b.bytes;
  });
  std::uint64_t expected = data;
  for (const SafeTensor& tensor : tensors) {
    if (tensor.begin != expected) {
      return bad(tensor.begin < expected ? "two tensors overlap" : "there is a gap before a tensor",
                 fetch::shown(tensor.name));
    }
    expected += tensor.bytes;
  }
  if (expected != file_size) {
    return bad("its tensors end before the file does",
               std::to_string(expected) + " of " + std::to_string(file_size) + " bytes");
  }
  return {};
}

}  // namespace

Result<std::uint64_t> safetensors_header_size(ByteView first_eight, std::uint64_t file_size) {
  base::Reader in(first_eight);
  const std::uint64_t size = in.u64le();
  if (!in.ok()) return bad("it is shorter than eight bytes");
  if (size > kSafetensorsHeaderCap) {
    return base::fail(ErrorKind::limit, "not a valid safetensors file: its header is larger than 100 MiB",
                      std::to_string(size) + " bytes");
  }
  if (size < 2 || size > file_size - 8) return bad("its header does not fit into it");
  return size;
}

Result<std::vector<SafeTensor>> read_safetensors_header(ByteView start, std::uint64_t file_size) {
  auto size = safetensors_header_size(start, file_size);
  if (!size) return base::pass_on(size);
  if (*size > start.size() - 8) return bad("its header is cut off");
  const std::uint64_t data = 8 + *size;
  const ByteView text = start.subspan(8, static_cast<std::size_t>(*size));
  if (text.front() != std::byte{'{'}) return bad("its header does not begin with \"{\"");
  auto header = fetch::parse_json(text, kSafetensorsHeaderCap, "the safetensors header");
  if (!header) return base::pass_on(header);
  if (header->size() > kMaxTensors) return base::fail(ErrorKind::limit, "a safetensors file with too many tensors");
  std::vector<SafeTensor> out;
  for (const auto& [name, entry] : header->items()) {
    if (name == "__metadata__") continue;
    auto tensor = read_tensor(name, entry, data, file_size);
    if (!tensor) return base::pass_on(tensor);
    out.push_back(std::move(*tensor));
  }
  if (auto placed = check_places(out, data, file_size); !placed) return base::pass_on(placed);
  return out;
}

}  // namespace blindbox::model
