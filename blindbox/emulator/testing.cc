// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/testing.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace blindbox::emulator {

namespace {

std::shared_ptr<SecurityProcessor> load_processor() {
  const char* chosen = std::getenv("BLINDBOX_TEST_KEYS");
  const std::string folder =
      chosen != nullptr
          ? chosen
          : (std::filesystem::temp_directory_path() / ("blindbox-test-keys-" + std::to_string(::getuid()))).string();
  auto keys = load_or_generate_keys(folder);
  if (!keys) {
    std::fputs(base::to_string(keys.error()).c_str(), stderr);
    std::abort();
  }
  return std::make_shared<SecurityProcessor>(std::move(*keys));
}

}  // namespace

std::shared_ptr<SecurityProcessor> test_processor() {
  static const std::shared_ptr<SecurityProcessor> one = load_processor();
  return one;
}

}  // namespace blindbox::emulator
