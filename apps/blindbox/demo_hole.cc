// SPDX-License-Identifier: Apache-2.0
#include "demo_hole.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "blindbox/base/file.h"

namespace blindbox::apps {
namespace {

namespace fs = std::filesystem;

struct Candidate {
  const char* file;
  const char* line;     // the whole line as it stands in the file, from its indentation on
  const char* visible;  // how much of it stands before the hole
};

// Of files that the model's training left out (models/held-out.txt).
constexpr std::array kCandidates = {
    Candidate{"colorsys.py", "    minc = min(r, g, b)", "    minc = min("},
    Candidate{"bisect.py", "                lo = mid + 1", "                lo ="},
    Candidate{"statistics.py", "    data = sorted(data)", "    data = sorted("},
};

std::vector<fs::path> library_folders() {
  std::vector<fs::path> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/usr/lib", error)) {
    if (entry.path().filename().string().starts_with("python3.")) folders.push_back(entry.path());
  }
  std::sort(folders.rbegin(), folders.rend());
  return folders;
}

std::size_t line_start(const std::string& text, std::size_t at, int lines_up) {
  for (; at > 0; --at) {
    if (text[at - 1] == '\n' && lines_up-- == 0) break;
  }
  return at;
}

std::optional<DemoHole> open_hole(const fs::path& file, const Candidate& candidate) {
  auto contents = base::read_file(file.string(), std::size_t{1} << 20);
  if (!contents) return std::nullopt;
  const std::string text(base::as_text(*contents));
  const std::string line = candidate.line;
  const auto found = text.find("\n" + line + "\n");
  if (found == std::string::npos || !base::is_utf8(text)) return std::nullopt;
  const std::size_t start = found + 1;
  const std::size_t hole = start + std::string(candidate.visible).size();
  const std::size_t end = start + line.size();
  DemoHole demo;
  demo.file = file.string();
  demo.line =
      static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(start), '\n')) + 1;
  const std::size_t context = line_start(text, start, 2);
  demo.before = text.substr(context, hole - context);
  demo.original = text.substr(hole, end - hole);
  demo.after = text.substr(end + 1, text.find('\n', end + 1) - end - 1);
  demo.hole = {text.substr(0, hole), text.substr(end)};
  return demo;
}

}  // namespace

std::optional<DemoHole> find_demo_hole() {
  for (const fs::path& folder : library_folders()) {
    for (const Candidate& candidate : kCandidates) {
      if (auto hole = open_hole(folder / candidate.file, candidate)) return hole;
    }
  }
  return std::nullopt;
}

}  // namespace blindbox::apps
