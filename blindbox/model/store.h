// SPDX-License-Identifier: Apache-2.0
// Models under names: a folder each, with the GGUF file and a manifest that says what it is and where it came from. The
// manifest is written last, so a model is there or it is not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::model {

struct SourceFile {
  std::string path;  // in the repository
  std::uint64_t bytes = 0;
  std::string sha256;  // hexadecimal
};

struct Manifest {
  std::string name;
  std::string sha256;  // of the GGUF file, hexadecimal
  std::uint64_t bytes = 0;
  std::string architecture;
  std::string type;  // of the weights, as on the command line: "q8_0"
  std::uint64_t parameters = 0;
  std::string origin;    // a folder, a URL, or the hub's address of the repository
  std::string revision;  // of a hub: the commit
  std::string created;   // RFC 3339
  std::vector<SourceFile> sources;
};

// ErrorKind::usage for what is no name: letters, digits, ".", "_" and "-", not first, at most 100.
[[nodiscard]] Result<void> check_name(const std::string& name);

class Store {
 public:
  explicit Store(std::string folder) : folder_(std::move(folder)) {}
  // $BLINDBOX_MODELS, else $XDG_DATA_HOME/blindbox/models, else ~/.local/share/blindbox/models. ErrorKind::usage where
  // none of them says where.
  [[nodiscard]] static Result<Store> of_user();

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string file_of(const std::string& name) const { return folder_ + "/" + name + "/model.gguf"; }
  // ErrorKind::model where there is none of that name, ErrorKind::malformed for a manifest that is none.
  [[nodiscard]] Result<Manifest> find(const std::string& name) const;
  // Sorted by name; what is no model is left out.
  [[nodiscard]] std::vector<Manifest> list() const;

  // Makes room for a model that will be put: its folder. ErrorKind::usage where the name is taken and replace is false.
  [[nodiscard]] Result<void> prepare(const std::string& name, bool replace) const;
  // Takes a finished file on the same file system over as the model of that manifest. What had the name until now is
  // there until then.
  [[nodiscard]] Result<void> put(const Manifest& manifest, const std::string& file) const;

 private:
  [[nodiscard]] std::string manifest_of(const std::string& name) const {
    return folder_ + "/" + name + "/manifest.json";
  }
  std::string folder_;
};

// A folder that is only this user's, and those above it.
[[nodiscard]] Result<void> make_private_folder(const std::string& path);

// The manifest's text and back. ErrorKind::malformed.
[[nodiscard]] std::string write_manifest(const Manifest& manifest);
[[nodiscard]] Result<Manifest> read_manifest(ByteView text);

}  // namespace blindbox::model
