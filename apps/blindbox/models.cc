// SPDX-License-Identifier: Apache-2.0
#ifdef BLINDBOX_HAS_ENGINE
#include "models.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "blindbox/base/fd.h"

namespace blindbox::apps {

Result<LocatedModel> locate_model(const std::string& file_or_name) {
  std::error_code ignored;
  const bool file = file_or_name.find('/') != std::string::npos || file_or_name.ends_with(".gguf") ||
                    std::filesystem::is_regular_file(file_or_name, ignored);
  if (file || !model::check_name(file_or_name)) return LocatedModel{file_or_name, std::nullopt};
  auto store = model::Store::of_user();
  if (!store) return base::pass_on(store);
  auto manifest = store->find(file_or_name);
  if (!manifest) return base::pass_on(manifest);
  return LocatedModel{store->file_of(file_or_name), std::move(*manifest)};
}

Result<OpenModel> OpenModel::open(const std::string& path) {
  const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) {
    return base::fail(ErrorKind::model, "cannot read the model file " + path, std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode) || info.st_size == 0) {
    return base::fail(ErrorKind::model, "the model is not a file with something in it: " + path);
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) return base::fail(ErrorKind::io, "cannot map " + path, std::strerror(errno));
  OpenModel out;
  out.bytes_ = ByteView(static_cast<const std::byte*>(mapped), size);
  auto gguf = completion::read_gguf(out.bytes_);
  if (!gguf) {
    if (gguf.error().detail.empty()) gguf.error().detail = path;
    return base::pass_on(gguf);
  }
  out.gguf_ = std::move(*gguf);
  return out;
}

OpenModel::OpenModel(OpenModel&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), gguf_(std::move(other.gguf_)) {}

OpenModel::~OpenModel() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

std::uint64_t OpenModel::parameters() const {
  std::uint64_t out = 0;
  for (const auto& tensor : gguf_.tensors) {
    std::uint64_t values = 1;
    for (const std::uint64_t size : tensor.shape) values *= size;
    out += values;
  }
  return out;
}

std::string about(std::uint64_t count) {
  const auto value = static_cast<double>(count);
  if (count >= 1'000'000'000) return fmt::format("{:.1f} B", value / 1e9);
  if (count >= 1'000'000) return fmt::format("{:.0f} M", value / 1e6);
  return fmt::format("{:.0f} k", value / 1e3);
}

std::string about_bytes(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes >= 1'000'000'000) return fmt::format("{:.1f} GB", value / 1e9);
  if (bytes >= 1'000'000) return fmt::format("{:.0f} MB", value / 1e6);
  return fmt::format("{:.0f} kB", value / 1e3);
}

}  // namespace blindbox::apps
#endif
