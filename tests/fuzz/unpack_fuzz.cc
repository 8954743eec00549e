// SPDX-License-Identifier: Apache-2.0
// Whatever a layer says, nothing outside of its folder changes, and a layer that is refused leaves nothing.
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "blindbox/image/unpack.h"
#include "tests/fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;
using namespace blindbox;

class OneLayer final : public image::Source {
 public:
  explicit OneLayer(ByteView layer) : layer_(layer) {}
  Result<std::string> manifest(const std::optional<image::Digest>&) override { return std::string(); }
  Result<image::Blob> blob(const image::Descriptor&, const image::Progress&) override {
    base::Fd file(::memfd_create("layer", MFD_CLOEXEC));
    fuzz::must(::write(file.get(), layer_.data(), layer_.size()) == static_cast<ssize_t>(layer_.size()), "written");
    return image::Blob{std::make_shared<const base::Fd>(std::move(file)), 0, layer_.size()};
  }

 private:
  ByteView layer_;
};

image::Image image_of(ByteView layer) {
  const image::Digest digest = image::Digest::of(layer);
  const std::string config =
      R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[")" + digest.text() + R"("]}})";
  return image::assemble(config, {{{"", digest, layer.size()}, digest, image::Compression::none}}).value();
}

// A folder that begins and stays with one file in it.
class Desk {
 public:
  Desk() {
    // Thousands of folders: in memory where that can be.
    std::error_code ignored;
    const fs::path memory = "/dev/shm";
    path_ =
        ((fs::is_directory(memory, ignored) ? memory : fs::temp_directory_path()) / "blindbox-fuzz-XXXXXX").string();
    fuzz::must(::mkdtemp(path_.data()) != nullptr, "a folder");
    std::ofstream(path_ + "/canary") << "alive";
  }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;
  ~Desk() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string root() const { return path_ + "/root"; }
  void check(bool unpacked) const {
    std::string text;
    std::ifstream(path_ + "/canary") >> text;
    fuzz::must(text == "alive", "nothing outside is written to");
    std::size_t entries = 0;
    for (const auto& entry : fs::directory_iterator(path_)) {
      ++entries;
      const std::string name = entry.path().filename();
      fuzz::must(name == "canary" || (unpacked && name == "root"), "nothing appears beside");
    }
    fuzz::must(entries == (unpacked ? 2U : 1U), "all or nothing");
  }

 private:
  std::string path_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input = fuzz::input(data, size);
  const Desk desk;
  OneLayer source(input);
  image::UnpackOptions options;
  options.max_bytes = std::uint64_t{4} << 20;
  options.max_files = 1000;
  const auto done = image::unpack(source, image_of(input), desk.root(), options);
  desk.check(done.has_value());
  return 0;
}
