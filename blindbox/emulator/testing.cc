// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/testing.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace blindbox::emulator {

namespace {

std::shared_ptr<SecurityProcessor> load_processor() {
  auto keys = load_or_generate_keys(test_keys_folder());
  if (!keys) {
    std::fputs(base::to_string(keys.error()).c_str(), stderr);
    std::abort();
  }
  return std::make_shared<SecurityProcessor>(std::move(*keys));
}

}  // namespace

std::string test_keys_folder() {
  const char* chosen = std::getenv("BLINDBOX_TEST_KEYS");
  if (chosen != nullptr) return chosen;
  return (std::filesystem::temp_directory_path() / ("blindbox-test-keys-" + std::to_string(::getuid()))).string();
}

std::shared_ptr<SecurityProcessor> test_processor() {
  static const std::shared_ptr<SecurityProcessor> one = load_processor();
  return one;
}

}  // namespace blindbox::emulator
