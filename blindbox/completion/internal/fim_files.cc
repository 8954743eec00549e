// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/fim_files.h"

#include <algorithm>
#include <array>

namespace blindbox::completion::internal {
namespace {

constexpr std::size_t kMaxName = 512;
constexpr std::size_t kBytesPerToken = 16;

// One line, whatever a client sends as a name.
std::string one_line(std::string_view name) {
  std::string out(name.size() > kMaxName ? std::string_view() : name);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return out;
}

// Models without a file separator read the name as a comment of the language.
std::string as_comment(const std::string& name) {
  constexpr std::array kHash = {".py", ".sh", ".rb", ".pl", ".r", ".yml", ".yaml", ".toml", ".cmake", ".tf", ".jl"};
  if (name.empty()) return {};
  const bool hash = std::any_of(kHash.begin(), kHash.end(), [&](const char* end) { return name.ends_with(end); });
  return (hash ? "# " : name.ends_with(".sql") || name.ends_with(".lua") ? "-- " : "// ") + name + "\n";
}

std::string with_end(std::string text) {
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

// The beginning of text up to the last line break within that many bytes.
std::string_view whole_lines(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  const std::size_t end = text.rfind('\n', bytes);
  return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

// One file as the model shall read it, within the budget: whole, or with cut only its first lines; nothing where that
// does not fit.
Result<Tokens> one_file(const FimTokens& fim, const ExtraFile& file, std::size_t budget, bool cut,
                        const Tokenize& tokenize) {
  const std::string name = one_line(file.filename);
  const std::string start = fim.file >= 0 ? (name.empty() ? "" : name + "\n") : as_comment(name);
  const std::size_t most = budget * kBytesPerToken;
  if (file.text.size() > most && !cut) return Tokens{};
  std::string_view text = whole_lines(file.text, most);
  while (!text.empty()) {
    auto tokens = tokenize(with_end(start + std::string(text)));
    if (!tokens) return tokens;
    if (fim.file >= 0) tokens->insert(tokens->begin(), fim.file);
    if (tokens->size() <= budget) return tokens;
    if (!cut) break;
    text = whole_lines(text, text.size() / 2);
  }
  return Tokens{};
}

Result<Tokens> header(const FimTokens& fim, const FimRequest& request, const Tokenize& tokenize) {
  if (fim.repository < 0 || request.repository.empty()) return Tokens{};
  // StarCoder2's paper, and Qwen2.5-Coder's examples, which end the name with a line break as their files begin on one.
  auto name = tokenize(one_line(request.repository) + "\n");
  if (name) name->insert(name->begin(), fim.repository);
  return name;
}

}  // namespace

Result<JoinedFiles> join_files(const FimTokens& fim, const FimRequest& request, std::size_t budget,
                               const Tokenize& tokenize) {
  if (request.extra.empty()) return JoinedFiles{};
  auto start = header(fim, request, tokenize);
  if (!start) return base::pass_on(start);
  Tokens end;  // the file with the hole begins like the others
  if (fim.file >= 0) {
    auto name = tokenize(request.filename.empty() ? "" : one_line(request.filename) + "\n");
    if (!name) return base::pass_on(name);
    end = std::move(*name);
    end.insert(end.begin(), fim.file);
  }
  if (start->size() + end.size() >= budget) return JoinedFiles{};
  std::size_t room = budget - start->size() - end.size();
  std::vector<Tokens> files;
  for (auto file = request.extra.rbegin(); file != request.extra.rend() && room > 0; ++file) {
    auto tokens = one_file(fim, *file, room, files.empty(), tokenize);
    if (!tokens) return base::pass_on(tokens);
    if (tokens->empty()) continue;
    room -= tokens->size();
    files.push_back(std::move(*tokens));
  }
  if (files.empty()) return JoinedFiles{};
  Tokens all = std::move(*start);
  for (auto file = files.rbegin(); file != files.rend(); ++file) all.insert(all.end(), file->begin(), file->end());
  all.insert(all.end(), end.begin(), end.end());
  return fim.file >= 0 ? JoinedFiles{std::move(all), {}} : JoinedFiles{{}, std::move(all)};
}

}  // namespace blindbox::completion::internal
