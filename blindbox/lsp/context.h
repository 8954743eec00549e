// SPDX-License-Identifier: Apache-2.0
// What of the open documents goes to the server: the text around the cursor and a little of the neighbours.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "blindbox/infill/infill.h"
#include "blindbox/lsp/documents.h"
#include "blindbox/lsp/settings.h"

namespace blindbox::lsp {

// What a document is called in a request; nullopt where nothing of it may leave.
using NameOf = std::function<std::optional<std::string>(const std::string& uri)>;

// The last bytes of before, beginning with a line where there is one to begin with. The beginning stays put while someone
// types, and moves by a quarter of the limit at a time: a server that keeps what it has read needs it unmoved.
[[nodiscard]] std::string_view keep_end(std::string_view before, std::size_t limit);
// At most limit bytes of after, whole characters.
[[nodiscard]] std::string_view keep_begin(std::string_view after, std::size_t limit);
// At most limit bytes around place, whole lines.
[[nodiscard]] std::string_view keep_around(std::string_view text, std::size_t place, std::size_t limit);

// Other open documents, the latest first, until the settings' budget is spent; ordered by name.
[[nodiscard]] std::vector<infill::Extra> neighbours(const Documents& documents, const std::string& uri,
                                                    const Settings& settings, const NameOf& name_of);

}  // namespace blindbox::lsp
