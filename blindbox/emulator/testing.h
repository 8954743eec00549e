// SPDX-License-Identifier: Apache-2.0
// What the tests of every folder share.
#pragma once

#include <memory>
#include <string>

#include "blindbox/emulator/security_processor.h"

namespace blindbox::emulator {

// $BLINDBOX_TEST_KEYS, by default one folder per user below the temporary directory: each test is a process of its own,
// and RSA-4096 takes seconds.
[[nodiscard]] std::string test_keys_folder();

// The process's one processor, over the keys in that folder. Aborts with the error where that fails.
[[nodiscard]] std::shared_ptr<SecurityProcessor> test_processor();

}  // namespace blindbox::emulator
