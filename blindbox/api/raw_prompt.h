// SPDX-License-Identifier: Apache-2.0
// Clients that know no fill-in-the-middle interface write the markers into the prompt, and often those of another model
// than the one that is loaded. Such a prompt is taken apart here, and put together again with the loaded model's own
// tokens (completion/fim_prompt.h).
//
// The markers of a client and the same characters in somebody's source are told apart by their place. A prompt is a
// frame when it begins with the marker that opens one (behind nothing but a start token or a repository header), when the
// marker that closes it is its very end (in SPM order: when the first two markers touch), and when each stands once.
// A marker that stands more often counts where exactly one of its places has no quote, backslash or word around it, as a
// literal in source has. Whatever is left over is no frame: all of it is data.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/completion/engine.h"

namespace blindbox::api {

struct RawHole {
  std::string prefix;
  std::string suffix;
  std::vector<completion::ExtraFile> extra;
  std::string repository;
  std::string filename;
};

[[nodiscard]] std::optional<RawHole> read_raw_prompt(std::string_view prompt);

// Takes request.prefix apart where it is a frame; true if so.
bool take_raw_prompt(completion::Request& request);

}  // namespace blindbox::api
