// SPDX-License-Identifier: Apache-2.0
// Runs a target over a corpus, every prefix of short inputs and repeatable mutations, without libFuzzer.
#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "blindbox/base/file.h"
#include "tests/fuzz/fuzz.h"

namespace {

using blindbox::Bytes;

// Sanitizers make each dear; libFuzzer is there for more.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kMutationsPerFile = 200;
#else
constexpr int kMutationsPerFile = 2000;
#endif

// libFuzzer hands out a copy of exactly that size too, so that sanitizers see a read past its end.
void run(const Bytes& input) {
  std::vector<std::uint8_t> copy(input.size());
  std::transform(input.begin(), input.end(), copy.begin(),
                 [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

Bytes mutate(Bytes input, std::mt19937& random) {
  const auto below = [&random](std::size_t limit) { return static_cast<std::size_t>(random()) % limit; };
  for (std::size_t edits = 1 + below(3); edits > 0 && !input.empty(); --edits) {
    const auto at = static_cast<std::ptrdiff_t>(below(input.size()));
    switch (below(4)) {
      case 0: input[static_cast<std::size_t>(at)] ^= std::byte{1} << below(8); break;
      case 1: input[static_cast<std::size_t>(at)] = static_cast<std::byte>(below(256)); break;
      case 2: input.erase(input.begin() + at); break;
      default: input.insert(input.begin() + at, input[below(input.size())]); break;
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      const auto contents = blindbox::base::read_file(path.string(), std::size_t{4} << 20);
      if (!contents) return std::fprintf(stderr, "%s\n", contents.error().what.c_str()), 1;
      run(*contents);
      for (std::size_t size = 0; size < std::min<std::size_t>(contents->size(), 512); ++size) {
        run(Bytes(contents->begin(), contents->begin() + static_cast<std::ptrdiff_t>(size)));
      }
      std::mt19937 random(static_cast<std::mt19937::result_type>(files));
      for (int n = 0; n < kMutationsPerFile; ++n) run(mutate(*contents, random));
      ++files;
    }
  }
  std::printf("%zu inputs and their mutations replayed\n", files);
  return files == 0 ? 1 : 0;
}
