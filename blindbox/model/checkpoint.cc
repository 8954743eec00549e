// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/checkpoint.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

#include "blindbox/base/file.h"
#include "blindbox/fetch/json.h"
#include "blindbox/model/internal/lfs_pointer.h"

namespace blindbox::model {
namespace {

using base::fail;

constexpr std::size_t kIndexCap = std::size_t{32} << 20;
constexpr std::size_t kMaxFiles = 1024;
constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

tl::unexpected<Error> no_weights(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".bin" && extension != ".pt" && extension != ".pth" && extension != ".ckpt") continue;
    return fail(ErrorKind::model, folder + " holds its weights as a pickle (" + entry.path().filename().string() + ")",
                "reading a pickle runs whatever code it names, so it is not opened",
                "take a revision with model.safetensors, or save the model with safe_serialization=True");
  }
  return fail(ErrorKind::model, folder + " holds neither " + kSingle + " nor " + kIndex, "",
              "name the folder of a model as Hugging Face lays it out");
}

Result<void> read_at(int fd, std::uint64_t offset, std::span<std::byte> into, const std::string& path) {
  while (!into.empty()) {
    const ssize_t got = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorKind::io, "cannot read " + path + ": " + std::strerror(errno));
    if (got == 0) return fail(ErrorKind::io, path + " has become shorter while it was read");
    offset += static_cast<std::uint64_t>(got);
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

}  // namespace

Result<std::map<std::string, std::string>> read_weight_map(ByteView text) {
  const auto bad = [](const std::string& why, const std::string& detail = {}) {
    return fail(ErrorKind::malformed, std::string(kIndex) + " " + why, fetch::shown(detail));
  };
  auto index = fetch::parse_json(text, kIndexCap, kIndex);
  if (!index) return base::pass_on(index);
  const auto found = index->find("weight_map");
  if (found == index->end() || !found->is_object() || found->empty()) return bad("has no weight_map");
  std::map<std::string, std::string> out;
  for (const auto& [tensor, file] : found->items()) {
    if (!file.is_string()) return bad("names no file for a tensor", tensor);
    const auto& name = file.get_ref<const std::string&>();
    const bool plain = name.size() <= 255 && name.ends_with(".safetensors") && !name.starts_with('.') &&
                       name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
    if (!plain) return bad("names a file that is none of a checkpoint", name);
    out.emplace(tensor, name);
  }
  return out;
}

Result<void> Checkpoint::add(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0)
    return fail(ErrorKind::io, "cannot open " + path + ": " + std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return fail(ErrorKind::io, path + " is not a regular file");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  const auto in_file = [&path](Error error) {
    error.detail = path + (error.detail.empty() ? "" : ": " + error.detail);
    return tl::unexpected(std::move(error));
  };
  Bytes start(std::min<std::uint64_t>(size, 128));
  if (auto done = read_at(fd.get(), 0, start, path); !done) return done;
  if (auto whole = internal::refuse_pointer(start, path); !whole) return whole;
  start.resize(std::min<std::uint64_t>(size, 8));
  auto header = safetensors_header_size(start, size);
  if (!header) return in_file(std::move(header).error());
  start.resize(8 + static_cast<std::size_t>(*header));
  if (auto done = read_at(fd.get(), 0, start, path); !done) return done;
  auto tensors = read_safetensors_header(start, size);
  if (!tensors) return in_file(std::move(tensors).error());
  for (SafeTensor& tensor : *tensors) {
    const std::string key = tensor.name;
    if (!tensors_.emplace(key, Placed{std::move(tensor), files_.size()}).second) {
      return fail(ErrorKind::malformed, "a tensor is in two files of the checkpoint", path + ": " + fetch::shown(key));
    }
  }
  files_.push_back({path, std::move(fd)});
  return {};
}

Result<void> Checkpoint::check_index(const std::map<std::string, std::string>& weight_map) const {
  for (const auto& [name, file] : weight_map) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end() || !files_[found->second.file].path.ends_with("/" + file)) {
      return fail(ErrorKind::malformed, "a tensor is not in the file that the index names",
                  fetch::shown(name) + " in " + fetch::shown(file));
    }
  }
  if (weight_map.size() != tensors_.size()) {
    return fail(ErrorKind::malformed, "the checkpoint's files hold tensors that the index does not name",
                std::to_string(tensors_.size()) + " tensors, the index names " + std::to_string(weight_map.size()));
  }
  return {};
}

Result<Checkpoint> Checkpoint::open(const std::string& folder) {
  Checkpoint out;
  if (exists(folder + "/" + kSingle)) {
    if (auto added = out.add(folder, kSingle); !added) return base::pass_on(added);
    return out;
  }
  if (!exists(folder + "/" + kIndex)) return no_weights(folder);
  auto text = base::read_file(folder + "/" + kIndex, kIndexCap);
  if (!text) return base::pass_on(text);
  auto weight_map = read_weight_map(*text);
  if (!weight_map) return base::pass_on(weight_map);
  std::set<std::string> files;
  for (const auto& [tensor, file] : *weight_map) files.insert(file);
  if (files.size() > kMaxFiles) return fail(ErrorKind::limit, "a checkpoint in more than 1024 files");
  for (const std::string& file : files) {
    if (auto added = out.add(folder, file); !added) return base::pass_on(added);
  }
  if (auto agreed = out.check_index(*weight_map); !agreed) return base::pass_on(agreed);
  return out;
}

const SafeTensor* Checkpoint::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second.tensor;
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> out;
  for (const auto& [name, placed] : tensors_) out.push_back(name);
  return out;
}

Result<void> Checkpoint::read(const SafeTensor& tensor, std::uint64_t offset, std::span<std::byte> into) const {
  const auto found = tensors_.find(tensor.name);
  if (found == tensors_.end() || offset > tensor.bytes || into.size() > tensor.bytes - offset) {
    return fail(ErrorKind::internal, "a read outside of a tensor");
  }
  const File& file = files_[found->second.file];
  return read_at(file.fd.get(), tensor.begin + offset, into, file.path);
}

}  // namespace blindbox::model
