// SPDX-License-Identifier: Apache-2.0
// A layer's digests beside one SHA-256 of the same bytes, in turns: a Debian-like mix of file sizes.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "blindbox/measure/layer.h"
#include "measure.h"

namespace blindbox::bench {
namespace {

constexpr std::size_t kLayerSize = std::size_t{192} << 20;
constexpr int kRounds = 5;

std::string header(std::size_t number, std::size_t size) {
  std::string block(512, '\0');
  const auto put = [&block](std::size_t at, const std::string& text) { block.replace(at, text.size(), text); };
  put(0, fmt::format("usr/lib/{:03}/file{}", number % 500, number));
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, fmt::format("{:011o}", size));
  put(136, "14524770400");
  put(156, "0");
  put(257, std::string("ustar\0"
                       "00",
                       8));
  put(148, "        ");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return block;
}

// Sizes follow those of a Debian root: half of the files below 4 KiB, most of the bytes in large ones.
void write_layer(const std::string& path) {
  std::ofstream out(path, std::ios::binary);
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): both sides and every run hash the same bytes
  std::lognormal_distribution<double> sizes(8.2, 2.2);
  std::string contents(std::size_t{8} << 20, '\0');
  for (char& c : contents) c = static_cast<char>(random());
  std::size_t total = 0;
  for (std::size_t number = 0; total < kLayerSize; ++number) {
    const std::size_t size = std::min(contents.size(), static_cast<std::size_t>(sizes(random)));
    const std::size_t padding = (512 - size % 512) % 512;
    out << header(number, size);
    out.write(contents.data(), static_cast<std::streamsize>(size)).write("", 0) << std::string(padding, '\0');
    total += 512 + size + padding;
  }
  out << std::string(1024, '\0');
}

int run() {
  const char* const given = std::getenv("BLINDBOX_BENCH_LAYER");
  const auto made = std::filesystem::temp_directory_path() / fmt::format("blindbox-bench-{}.tar", ::getpid());
  const std::string path = given != nullptr ? given : made.string();
  if (given == nullptr) write_layer(path);
  const double mib = static_cast<double>(std::filesystem::file_size(path)) / (1 << 20);
  std::vector<double> layer, plain;
  for (int i = 0; i < kRounds; ++i) {
    double begin = wall_ms();
    (void)take(base::sha256_file(path));
    plain.push_back(wall_ms() - begin);
    begin = wall_ms();
    (void)take(measure::measure_layer(path));
    layer.push_back(wall_ms() - begin);
  }
  if (given == nullptr) std::filesystem::remove(path);
  fmt::print("{:.0f} MiB of tar, medians of {} rounds in turns\n", mib, kRounds);
  fmt::print("  SHA-256 of the file            {:6.0f} MiB/s\n", mib / median(plain) * 1e3);
  fmt::print("  ext4 SHA-256 and root hash     {:6.0f} MiB/s\n", mib / median(layer) * 1e3);
  closing_line("layer digests / SHA-256 of the same bytes", median(layer) / median(plain), "x", Target::at_most, 2.0);
  return 0;
}

}  // namespace
}  // namespace blindbox::bench

int main() { return blindbox::bench::run(); }
