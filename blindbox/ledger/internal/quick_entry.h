// SPDX-License-Identifier: Apache-2.0
// Reads a line exactly as write_entry() writes it, without a tree of JSON: a ledger holds hundreds of megabytes.
#pragma once

#include <optional>

#include "blindbox/ledger/entry.h"

namespace blindbox::ledger::internal {

// nullopt for anything else, whether an entry or not: other members, another order, spaces, escapes, text beyond ASCII.
[[nodiscard]] std::optional<Entry> read_quickly(std::string_view line);

}  // namespace blindbox::ledger::internal
