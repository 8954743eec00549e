// SPDX-License-Identifier: Apache-2.0
// The weights of a folder as Hugging Face lays them out: model.safetensors, or several files and the index that says
// which tensor is in which (model.safetensors.index.json). Pickles are never opened.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/fd.h"
#include "blindbox/model/safetensors.h"

namespace blindbox::model {

class Checkpoint {
 public:
  // ErrorKind::io where there are no weights that can be read, ErrorKind::malformed for a file or an index that is
  // wrong: a tensor twice, in another file than the index says, or in none.
  [[nodiscard]] static Result<Checkpoint> open(const std::string& folder);

  [[nodiscard]] const SafeTensor* find(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  [[nodiscard]] std::vector<std::string> names() const;
  // into.size() bytes of the tensor from offset on; they must be there. ErrorKind::io where the file has shrunk.
  [[nodiscard]] Result<void> read(const SafeTensor& tensor, std::uint64_t offset, std::span<std::byte> into) const;

 private:
  struct Placed {
    SafeTensor tensor;
    std::size_t file = 0;
  };
  struct File {
    std::string path;
    base::Fd fd;
  };
  Result<void> add(const std::string& folder, const std::string& name);
  Result<void> check_index(const std::map<std::string, std::string>& weight_map) const;

  std::vector<File> files_;
  std::map<std::string, Placed, std::less<>> tensors_;
};

// Which file holds which tensor, of the text of model.safetensors.index.json: names without folders that end in
// ".safetensors". ErrorKind::malformed otherwise.
[[nodiscard]] Result<std::map<std::string, std::string>> read_weight_map(ByteView text);

}  // namespace blindbox::model
