// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/gguf_writer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "blindbox/base/openssl.h"

namespace blindbox::model {
namespace {

constexpr std::uint64_t kAlignment = 32;                                                    // the format's default
enum : std::uint32_t { kU32 = 4, kI32 = 5, kF32 = 6, kBool = 7, kString = 8, kArray = 9 };  // enum gguf_type

template <typename T>
void put(Bytes& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFFU));
}

void put_text(Bytes& out, std::string_view text) {
  put<std::uint64_t>(out, text.size());
  const ByteView bytes = base::view(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

constexpr std::uint64_t padded(std::uint64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

void GgufMetadata::key(std::string_view name, std::uint32_t type) {
  put_text(pairs_, name);
  put(pairs_, type);
  ++count_;
}
void GgufMetadata::array(std::string_view name, std::uint32_t type, std::size_t size) {
  key(name, kArray);
  put(pairs_, type);
  put<std::uint64_t>(pairs_, size);
}
void GgufMetadata::text(std::string_view name, std::string_view value) {
  key(name, kString);
  put_text(pairs_, value);
}
void GgufMetadata::u32(std::string_view name, std::uint32_t value) {
  key(name, kU32);
  put(pairs_, value);
}
void GgufMetadata::f32(std::string_view name, float value) {
  key(name, kF32);
  put(pairs_, std::bit_cast<std::uint32_t>(value));
}
void GgufMetadata::flag(std::string_view name, bool value) {
  key(name, kBool);
  put(pairs_, static_cast<std::uint8_t>(value));
}
void GgufMetadata::texts(std::string_view name, const std::vector<std::string>& values) {
  array(name, kString, values.size());
  for (const std::string& value : values) put_text(pairs_, value);
}
void GgufMetadata::i32s(std::string_view name, const std::vector<std::int32_t>& values) {
  array(name, kI32, values.size());
  for (const std::int32_t value : values) put(pairs_, static_cast<std::uint32_t>(value));
}
void GgufMetadata::f32s(std::string_view name, const std::vector<float>& values) {
  array(name, kF32, values.size());
  for (const float value : values) put(pairs_, std::bit_cast<std::uint32_t>(value));
}

void GgufMetadata::raw(ByteView pair) {
  pairs_.insert(pairs_.end(), pair.begin(), pair.end());
  ++count_;
}

struct GgufWriter::State {
  std::string path;
  std::string temporary;
  base::Fd file;
  std::vector<GgufTensorPlace> tensors;
  std::size_t tensor = 0;       // being written
  std::uint64_t in_tensor = 0;  // bytes of it
  std::uint64_t written = 0;
  base::openssl::DigestContext digest{EVP_MD_CTX_new()};

  Result<void> put(ByteView bytes) {
    if (EVP_DigestUpdate(digest.get(), bytes.data(), bytes.size()) != 1) std::abort();
    written += bytes.size();
    while (!bytes.empty()) {
      const ssize_t done = ::write(file.get(), bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return failed();
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
    return {};
  }
  // Past tensors that are complete, each padded.
  Result<void> advance() {
    while (tensor < tensors.size() && in_tensor == tensors[tensor].bytes) {
      const Bytes padding(static_cast<std::size_t>(padded(in_tensor) - in_tensor));
      if (auto done = put(padding); !done) return done;
      in_tensor = 0;
      ++tensor;
    }
    return {};
  }
  [[nodiscard]] tl::unexpected<Error> failed() const {
    return base::fail(ErrorKind::io, "cannot write " + path + ": " + std::strerror(errno));
  }
};

GgufWriter::GgufWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
GgufWriter::GgufWriter(GgufWriter&&) noexcept = default;
GgufWriter::~GgufWriter() {
  if (state_ && !state_->temporary.empty()) ::unlink(state_->temporary.c_str());
}

Result<GgufWriter> GgufWriter::create(const std::string& path, const GgufMetadata& metadata,
                                      std::vector<GgufTensorPlace> tensors) {
  auto state = std::make_unique<State>();
  state->path = path;
  std::string temporary = path + ".XXXXXX";
  if (!state->digest || EVP_DigestInit_ex(state->digest.get(), EVP_sha256(), nullptr) != 1) std::abort();
  state->file = base::Fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!state->file) return state->failed();
  state->temporary = temporary;

  Bytes head = base::to_bytes(base::view("GGUF"));
  put<std::uint32_t>(head, 3);
  put<std::uint64_t>(head, tensors.size());
  put<std::uint64_t>(head, metadata.count());
  head.insert(head.end(), metadata.pairs().begin(), metadata.pairs().end());
  std::uint64_t offset = 0;
  for (const GgufTensorPlace& tensor : tensors) {
    put_text(head, tensor.name);
    put(head, static_cast<std::uint32_t>(tensor.shape.size()));
    for (const std::uint64_t size : tensor.shape) put(head, size);
    put(head, tensor.type);
    put(head, offset);
    offset += padded(tensor.bytes);
  }
  head.resize(padded(head.size()));
  state->tensors = std::move(tensors);
  GgufWriter writer(std::move(state));
  if (auto done = writer.state_->put(head); !done) return base::pass_on(done);
  return writer;
}

Result<void> GgufWriter::append(ByteView bytes) {
  State& state = *state_;
  if (state.tensor == state.tensors.size() || bytes.size() > state.tensors[state.tensor].bytes - state.in_tensor) {
    return base::fail(ErrorKind::internal, "a tensor is longer than was announced");
  }
  if (auto done = state.put(bytes); !done) return done;
  state.in_tensor += bytes.size();
  return state.advance();
}

Result<GgufWriter::Written> GgufWriter::finish() {
  State& state = *state_;
  if (state.tensor != state.tensors.size()) return base::fail(ErrorKind::internal, "tensors are missing");
  Written out{state.written, {}};
  unsigned int length = 0;
  if (EVP_DigestFinal_ex(state.digest.get(), reinterpret_cast<unsigned char*>(out.sha256.data()), &length) != 1) {
    std::abort();
  }
  constexpr mode_t kReadable = 0644;
  if (::fchmod(state.file.get(), kReadable) != 0 || ::fsync(state.file.get()) != 0 ||
      std::rename(state.temporary.c_str(), state.path.c_str()) != 0) {
    return state.failed();
  }
  state.temporary.clear();
  const std::string folder = std::filesystem::path(state.path).parent_path().string();
  const base::Fd parent(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent) (void)::fsync(parent.get());
  return out;
}

}  // namespace blindbox::model
