// SPDX-License-Identifier: Apache-2.0
// Images made by hand, and folders that go with the test.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "blindbox/archive/tar_writer.h"
#include "blindbox/image/transfer.h"

namespace blindbox::image::testing {

class Folder {
 public:
  Folder() {
    path_ = (std::filesystem::temp_directory_path() / "blindbox-image-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  // What is in it, by name.
  [[nodiscard]] std::vector<std::string> list(const std::string& below = "") const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(path_ + "/" + below)) {
      out.push_back(entry.path().filename().string());
    }
    return out;
  }

 private:
  std::string path_;
};

inline std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

// A tar archive of entries, each with its contents.
inline std::string tar(const std::vector<std::pair<archive::TarEntry, std::string>>& entries) {
  std::string out;
  archive::TarWriter writer([&out](ByteView bytes) -> Result<void> {
    out += base::as_text(bytes);
    return {};
  });
  for (const auto& [entry, contents] : entries) EXPECT_TRUE(writer.add(entry, base::view(contents)));
  EXPECT_TRUE(writer.finish());
  return out;
}

inline std::string gzip(const std::string& text) {
  z_stream state{};
  if (::deflateInit2(&state, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) std::abort();
  std::string out(::deflateBound(&state, text.size()), '\0');
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  state.avail_in = static_cast<uInt>(text.size());
  state.next_out = reinterpret_cast<Bytef*>(out.data());
  state.avail_out = static_cast<uInt>(out.size());
  if (::deflate(&state, Z_FINISH) != Z_STREAM_END) std::abort();
  out.resize(out.size() - state.avail_out);
  ::deflateEnd(&state);
  return out;
}

inline Digest digest_of(const std::string& text) { return Digest::of(base::view(text)); }

// An image in memory, and all that can be wrong with it.
class MemorySource final : public Source {
 public:
  // Bytes of layers as they are stored, and what they are uncompressed.
  void add_layer(const std::string& stored, const std::string& plain) {
    const Compression compression = stored == plain ? Compression::none : Compression::gzip;
    layers_.push_back({{"", digest_of(stored), stored.size()}, digest_of(plain), compression});
    blobs_.insert_or_assign(digest_of(stored), stored);
  }
  void add_layer(const std::string& plain) { add_layer(gzip(plain), plain); }

  [[nodiscard]] Image image() {
    nlohmann::json config{{"os", "linux"}, {"architecture", "amd64"}, {"rootfs", {{"type", "layers"}}}};
    config["rootfs"]["diff_ids"] = nlohmann::json::array();
    for (const Layer& layer : layers_) config["rootfs"]["diff_ids"].push_back(layer.diff_id.text());
    config["config"] = {{"Cmd", {"/bin/app"}}, {"Env", {"A=b"}}};
    auto made = assemble(config.dump(), layers_);
    EXPECT_TRUE(made) << made.error().what;
    blobs_.insert_or_assign(made->manifest.config.digest, made->config_json);
    return std::move(*made);
  }
  // The blob of that digest has other bytes from now on.
  void replace(const Digest& digest, const std::string& bytes) { blobs_.insert_or_assign(digest, bytes); }

  Result<std::string> manifest(const std::optional<Digest>&) override { return image().manifest_json; }
  Result<Blob> blob(const Descriptor& descriptor, const Progress&) override {
    return blob_of(base::view(blobs_.at(descriptor.digest)));
  }

 private:
  std::vector<Layer> layers_;
  std::map<Digest, std::string> blobs_;
};

}  // namespace blindbox::image::testing
