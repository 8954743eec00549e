// SPDX-License-Identifier: Apache-2.0
// gzip and Zstandard as sources. A bomb meets the caller's limit; a window that wants more than 128 MiB is refused.
#include <zlib.h>
#include <zstd.h>

#include "blindbox/archive/source.h"

namespace blindbox::archive {
namespace {

tl::unexpected<Error> damaged(const char* format, const std::string& why) {
  return base::fail(ErrorKind::malformed, std::string("the ") + format + " stream is damaged", why);
}

// What both share: compressed bytes come in pieces, and what goes out is counted.
class Decompressed : public Source {
 public:
  Decompressed(std::unique_ptr<Source> compressed, std::uint64_t limit)
      : left_(limit), limit_(limit), compressed_(std::move(compressed)), input_(kBuffer) {}

 protected:
  // The next compressed bytes; an empty view is the end.
  Result<ByteView> more() {
    auto got = compressed_->read(input_);
    if (!got) return base::pass_on(got);
    return ByteView(input_).first(*got);
  }

  Result<std::size_t> counted(std::size_t produced) {
    if (produced > left_) {
      return base::fail(ErrorKind::limit, "the layer has more than " + std::to_string(limit_) + " bytes decompressed");
    }
    left_ -= produced;
    return produced;
  }

 private:
  std::uint64_t left_;
  std::uint64_t limit_;
  std::unique_ptr<Source> compressed_;
  Bytes input_;
};

class Gzip final : public Decompressed {
 public:
  using Decompressed::Decompressed;
  ~Gzip() override { ::inflateEnd(&state_); }
  bool start() { return ::inflateInit2(&state_, 16 + MAX_WBITS) == Z_OK; }

 protected:
  Result<std::size_t> fill(std::span<std::byte> out) override {
    state_.next_out = reinterpret_cast<Bytef*>(out.data());
    state_.avail_out = static_cast<uInt>(out.size());
    while (state_.avail_out == out.size()) {
      if (state_.avail_in == 0) {
        auto input = more();
        if (!input) return base::pass_on(input);
        if (input->empty()) return between_members_ ? Result<std::size_t>(0) : damaged("gzip", "it ends too early");
        state_.next_in = const_cast<Bytef*>(base::uchars(*input));
        state_.avail_in = static_cast<uInt>(input->size());
      }
      // Several members in a row are one stream (RFC 1952, section 2.2).
      if (between_members_ && ::inflateReset(&state_) != Z_OK) return damaged("gzip", "it cannot be reset");
      between_members_ = false;
      const int status = ::inflate(&state_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        between_members_ = true;
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        return damaged("gzip", state_.msg != nullptr ? state_.msg : "a checksum or a header is wrong");
      }
    }
    return counted(out.size() - state_.avail_out);
  }

 private:
  z_stream state_{};
  bool between_members_ = false;
};

class Zstd final : public Decompressed {
 public:
  using Decompressed::Decompressed;

 protected:
  Result<std::size_t> fill(std::span<std::byte> out) override {
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    while (output.pos == 0) {
      if (input_.pos == input_.size && !flushing_) {
        auto piece = more();
        if (!piece) return base::pass_on(piece);
        if (piece->empty()) return between_frames_ ? Result<std::size_t>(0) : damaged("zstd", "it ends too early");
        input_ = {piece->data(), piece->size(), 0};
      }
      const std::size_t status = ::ZSTD_decompressStream(state_.get(), &output, &input_);
      if (::ZSTD_isError(status) != 0) return damaged("zstd", ::ZSTD_getErrorName(status));
      between_frames_ = status == 0;
      // A full output may mean that more waits inside, with no input left to hand in.
      flushing_ = output.pos == output.size && status != 0;
    }
    return counted(output.pos);
  }

 private:
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> state_{::ZSTD_createDCtx(), &::ZSTD_freeDCtx};
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool between_frames_ = true;
  bool flushing_ = false;
};

}  // namespace

Compression sniff(ByteView first) {
  const std::string_view magic = base::as_text(first);
  if (magic.starts_with("\x1f\x8b")) return Compression::gzip;
  if (magic.starts_with("\x28\xb5\x2f\xfd")) return Compression::zstd;
  // Zstandard's skippable frames. A tar archive begins with a name, and its checksum refuses these.
  const bool skippable = magic.size() >= 4 && (static_cast<unsigned char>(magic[0]) & 0xf0U) == 0x50 &&
                         magic.substr(1).starts_with("\x2a\x4d\x18");
  return skippable ? Compression::zstd : Compression::none;
}

std::unique_ptr<Source> decompress(std::unique_ptr<Source> source, Compression compression, std::uint64_t limit) {
  switch (compression) {
    case Compression::gzip: return make_gzip_source(std::move(source), limit);
    case Compression::zstd: return make_zstd_source(std::move(source), limit);
    case Compression::none: break;
  }
  return source;
}

std::unique_ptr<Source> make_gzip_source(std::unique_ptr<Source> compressed, std::uint64_t limit) {
  auto source = std::make_unique<Gzip>(std::move(compressed), limit);
  if (!source->start()) return nullptr;
  return source;
}

std::unique_ptr<Source> make_zstd_source(std::unique_ptr<Source> compressed, std::uint64_t limit) {
  return std::make_unique<Zstd>(std::move(compressed), limit);
}

}  // namespace blindbox::archive
