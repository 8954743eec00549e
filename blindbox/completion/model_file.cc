// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/model_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace blindbox::completion {
namespace {

using base::Fd;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

tl::unexpected<Error> io_error(const std::string& what) {
  return base::fail(ErrorKind::io, what, std::strerror(errno));
}

// A file that is absent is as wrong a model as one that is broken.
tl::unexpected<Error> unreadable(const std::string& path) {
  return base::fail(ErrorKind::model, "cannot read the model file " + path, std::strerror(errno));
}

Result<Fd> open_regular(const std::string& path) {
  // O_NONBLOCK: a FIFO in the file's place must not hold us up.
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return unreadable(path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return unreadable(path);
  if (!S_ISREG(status.st_mode)) return base::fail(ErrorKind::model, "the model is not a regular file: " + path);
  return file;
}

bool write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

std::uint64_t size_of(const Fd& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

struct Copied {
  std::size_t size = 0;
  base::Sha256 digest{};
};

// Every byte is read once, and goes into the digest and into memory from the same buffer.
Result<Copied> copy(const Fd& from, const Fd& to, const std::string& path, const ModelFile::Progress& progress) {
  const DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) std::abort();
  Bytes buffer(kPiece);
  Copied out;
  for (;;) {
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path);
    const ByteView piece = ByteView(buffer).first(static_cast<std::size_t>(got));
    if (out.size == 0 && !base::as_text(piece).starts_with("GGUF")) {
      return base::fail(ErrorKind::model, "the model is not a GGUF file: " + path,
                        got == 0 ? "it is empty" : "it does not begin with \"GGUF\"",
                        "docs/models.md tells how to convert a model");
    }
    if (got == 0) break;
    if (EVP_DigestUpdate(context.get(), piece.data(), piece.size()) != 1) std::abort();
    if (!write_all(to.get(), piece)) return io_error("cannot hold the model in memory");
    out.size += piece.size();
    if (progress) progress(out.size, size_of(from));
  }
  unsigned int length = 0;
  if (EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(out.digest.data()), &length) != 1) {
    std::abort();
  }
  return out;
}

}  // namespace

Result<ModelFile> ModelFile::open(const std::string& path, const std::optional<base::Sha256>& expected,
                                  const Progress& progress) {
  auto file = open_regular(path);
  if (!file) return base::pass_on(file);
  Fd memory(::memfd_create("blindbox-model", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) return io_error("cannot hold the model in memory");
  auto copied = copy(*file, memory, path, progress);
  if (!copied) return base::pass_on(copied);
  if (expected && *expected != copied->digest) {
    return base::fail(ErrorKind::model, "the model file has another digest than expected",
                      "sha256 " + base::to_hex(copied->digest) + ", expected " + base::to_hex(*expected));
  }
  if (::fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0) return io_error("cannot seal the model's memory");
  return adopt(std::move(memory), copied->digest);
}

Result<ModelFile> ModelFile::adopt(base::Fd memory, const base::Sha256& digest) {
  if (::fcntl(memory.get(), F_GET_SEALS) != kSeals) {
    return base::fail(ErrorKind::internal, "the model's memory is not sealed");
  }
  const auto size = static_cast<std::size_t>(size_of(memory));
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, memory.get(), 0);
  if (mapped == MAP_FAILED) return io_error("cannot map the model's memory");
  return ModelFile(std::move(memory), ByteView(static_cast<const std::byte*>(mapped), size), digest);
}

ModelFile::ModelFile(ModelFile&& other) noexcept
    : memory_(std::move(other.memory_)), bytes_(std::exchange(other.bytes_, {})), digest_(other.digest_) {}

ModelFile::~ModelFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace blindbox::completion
