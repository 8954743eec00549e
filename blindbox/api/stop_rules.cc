// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/stop_rules.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "blindbox/api/internal/code_text.h"

namespace blindbox::api {
namespace {

using namespace internal;

// Lines of the suffix that are compared, and how much of it: the rest is too far away to be repeated by accident.
constexpr std::size_t kSuffixWindow = 4096;
// A repetition of less than this many bytes is chance ("return", "else:"), unless it goes on to the end.
constexpr std::size_t kTellingBytes = 8;

class Judge {
 public:
  Judge(const StopRules& rules, std::string_view prefix, std::string_view suffix, std::string_view text, bool ended,
        bool cut)
      : rules_(rules),
        suffix_(suffix.substr(0, kSuffixWindow)),
        text_(text),
        ended_(ended),
        cut_(cut),
        before_(last_line(prefix)),
        behind_(trimmed(first_line(suffix_))),
        line_start_(blank(before_)),
        following_(following()),
        lines_(lines_of(text)),
        hold_(text.size()) {}

  StopVerdict verdict() {
    if (rules_.line) line();
    if (rules_.statement) statement();
    if (rules_.closers) closers();
    if (rules_.suffix) {
      repeated_line_end();
      repeated_lines();
    }
    if (rules_.indent > 0) indent();
    if (rules_.block) block();
    if (!rule_.empty()) return {stop_, true, rule_};
    // Half of a line break is none.
    const std::size_t whole = text_.ends_with('\r') ? text_.size() - 1 : text_.size();
    if (ended_) return {rules_.block ? std::min(without_blank_end(), whole) : whole, false, {}};
    return {std::min(hold_, whole), false, {}};
  }

 private:
  void stop_at(std::size_t at, std::string_view rule) {
    if (!rule_.empty() && stop_ <= at) return;
    stop_ = at;
    rule_ = rule;
  }
  void hold_from(std::size_t at) { hold_ = std::min(hold_, at); }

  [[nodiscard]] std::string_view of(const Line& line) const { return text_.substr(line.begin, line.end - line.begin); }

  // Where the text ends that keeps nothing of the line that begins at `begin`: behind the last line with anything on it.
  // Where the cursor stands in front of a line that is there already, that line needs a break before it.
  [[nodiscard]] std::size_t before_line(std::size_t begin) const {
    const std::size_t last = text_.substr(0, begin).find_last_not_of(" \t\r\n");
    const std::size_t at = text_.find('\n', last == std::string_view::npos ? 0 : last);
    if (at >= begin) return begin;
    if (!suffix_.empty() && !behind_.empty() && line_start_) return at + 1;
    return at > 0 && text_[at - 1] == '\r' ? at - 1 : at;
  }

  [[nodiscard]] std::size_t without_blank_end() const {
    const Line& end = lines_.back();
    if (lines_.size() == 1 || !blank(of(end)) || !behind_.empty() || suffix_.empty()) return text_.size();
    return before_line(end.begin);
  }

  void line() {
    if (line_start_ || only_closers(behind_)) return;
    if (lines_.front().complete) stop_at(lines_.front().end, "line");
  }

  // How many brackets are open behind a line, of how many before it: each line is read once, however long the text.
  [[nodiscard]] static std::size_t open_behind(std::size_t open, std::string_view line) {
    const Brackets here = brackets_of(line);
    return open - std::min(open, here.closed.size()) + here.open;
  }

  void statement() {
    std::size_t open = 0;
    for (const Line& line : lines_) {
      open = open_behind(open, of(line));
      const std::string_view so_far = text_.substr(0, line.end);
      if (line.complete && !blank(so_far) && open == 0 && !opens_block(so_far)) {
        return stop_at(line.end, "statement");
      }
    }
  }

  // On the cursor's own line: what it has behind it closes what it has before it, and what is too much is said twice.
  void closers() {
    if (behind_.empty()) return;
    if (const std::string_view triple = open_triple_quote(before_); !triple.empty() && behind_.starts_with(triple)) {
      return triple_quote(triple);
    }
    const char quote = in_placeholder(before_) && behind_.front() == '}' ? '\0' : open_quote(before_);
    if (quote != '\0' && behind_.front() == quote) {
      if (const std::size_t at = quote_end(text_, quote); at != std::string_view::npos) stop_at(at, "closers");
      return;
    }
    if (!is_closer(behind_.front())) return;
    const std::size_t opened = brackets_of(before_).open;
    const std::size_t closed = brackets_of(behind_).closed.size();
    const std::size_t wanted = opened > closed ? opened - closed : 0;
    const Brackets said = brackets_of(text_, quote);
    if (said.closed.size() > wanted && text_[said.closed[wanted]] == behind_.front()) {
      stop_at(said.closed[wanted], "closers");
    }
  }

  // It may close on another line than it was opened on.
  void triple_quote(std::string_view triple) {
    if (const std::size_t at = text_.find(triple); at != std::string_view::npos) return stop_at(at, "closers");
    if (ended_) return;
    for (std::size_t length = 2; length > 0; --length) {
      if (text_.ends_with(triple.substr(0, length))) return hold_from(text_.size() - length);
    }
  }

  // A line of the text ends as the cursor's line does already. What only ends a statement counts where brackets are closed.
  void repeated_line_end() {
    const bool punctuation = only_punctuation(behind_);
    if (line_start_ || behind_.empty() || (only_closers(behind_) && !punctuation)) return;
    std::size_t open = 0;
    for (const Line& line : lines_) {
      std::string_view said = of(line);
      if (punctuation) open = open_behind(open, said);
      said = said.substr(0, said.find_last_not_of(" \t\r") + 1);
      if ((line.complete || ended_) && said.ends_with(behind_) && open == 0) {
        return stop_at(line.begin + said.size() - behind_.size(), "suffix");
      }
    }
    // All of it with blanks behind, or its beginning.
    const std::string_view last = of(lines_.back());
    const std::string_view solid = last.substr(0, last.find_last_not_of(" \t\r") + 1);
    if (solid.ends_with(behind_)) hold_from(lines_.back().begin + solid.size() - behind_.size());
    for (std::size_t length = std::min(last.size(), behind_.size()); length > 0; --length) {
      if (last.ends_with(behind_.substr(0, length))) return hold_from(text_.size() - length);
    }
  }

  // The lines that follow the cursor, blank ones left out.
  [[nodiscard]] std::vector<std::string_view> following() const {
    std::vector<std::string_view> out;
    const auto lines = lines_of(suffix_);
    for (std::size_t i = line_start_ && !behind_.empty() ? 0 : 1; i < lines.size(); ++i) {
      std::string_view line = suffix_.substr(lines[i].begin, lines[i].end - lines[i].begin);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (!blank(line)) out.push_back(line);
    }
    return out;
  }

  enum class Match { no, perhaps, yes };
  // Whether the text from that line on says again what follows.
  [[nodiscard]] Match repeats_from(std::size_t first) const {
    const auto& next = following_;
    std::size_t bytes = 0;
    std::size_t at = 0;
    for (std::size_t i = first; i < lines_.size(); ++i) {
      if (at == next.size()) return Match::yes;
      std::string_view said = of(lines_[i]);
      said = said.substr(0, said.find_last_not_of(" \t\r") + 1);
      if (blank(said) && (lines_[i].complete || at > 0)) continue;
      const std::string_view there = next[at].substr(0, next[at].find_last_not_of(" \t\r") + 1);
      if (lines_[i].complete || (ended_ && !cut_)) {
        if (said != there) return Match::no;
      } else {
        if (!there.starts_with(said)) return Match::no;
        // Cut off in its middle by a limit: what is there already will be right.
        return ended_ && !blank(said) ? Match::yes : Match::perhaps;
      }
      ++at;
      bytes += trimmed(there).size();
      if (bytes >= kTellingBytes) return Match::yes;
    }
    return at == 0 ? Match::no : ended_ || at == next.size() ? Match::yes : Match::perhaps;
  }

  void repeated_lines() {
    if (following_.empty()) return;
    for (std::size_t i = line_start_ ? 0 : 1; i < lines_.size(); ++i) {
      if (blank(of(lines_[i])) && lines_[i].complete) continue;
      const Match match = repeats_from(i);
      const std::size_t at = before_line(lines_[i].begin);
      if (match == Match::yes) return stop_at(at, "suffix");
      if (match == Match::perhaps) return hold_from(at);
    }
  }

  void indent() {
    for (std::size_t i = 1; i < lines_.size(); ++i) {
      if (blank(of(lines_[i]))) continue;
      if (indentation(of(lines_[i])) < rules_.indent) return stop_at(before_line(lines_[i].begin), "indent");
    }
    hold_blank_end();
  }

  // Blank lines may turn out to be the last ones.
  void hold_blank_end() {
    if (lines_.size() > 1 && blank(of(lines_.back()))) hold_from(before_line(lines_.back().begin));
  }

  // The indentation below which the block of the cursor has ended.
  [[nodiscard]] std::size_t floor(std::size_t own) const {
    if (own == 0 || following_.empty()) return own;
    return std::max<std::size_t>(std::min(own, indentation(following_.front())), 1);
  }

  void block() {
    std::optional<std::size_t> own;  // indentation of the line with the cursor, or of the first one said
    if (!line_start_) own = indentation(before_);
    bool siblings_end = !line_start_ && (*own == 0 || opens_block(before_));
    bool deeper = false;
    bool apart = false;  // a blank line stands before
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const std::string_view said = of(lines_[i]);
      if (blank(said)) {
        apart = true;
        continue;
      }
      const bool gap = std::exchange(apart, false);
      const bool closes = !closing_word(said).empty();
      if (i == 0 && !line_start_) {
        siblings_end = siblings_end || opens_block(said);
        continue;
      }
      const std::size_t depth = indentation(said) + (i == 0 ? indentation(before_) : 0);
      if (!own) {
        own = depth;
        siblings_end = depth == 0;
        continue;
      }
      const bool sibling = siblings_end && deeper && depth <= *own;
      if (depth > *own) deeper = true;
      // Further out than the block, though no further than what follows the cursor: the next definition, or an end that
      // is there already. Or the word that closes what the cursor's line has opened.
      const bool out = depth < *own && (gap || (closes && is_there(said, depth)));
      const bool level = !line_start_ && deeper && depth == *own;
      const bool closed = level && closes && !is_closer(trimmed(said).front());
      if (!lines_[i].complete && !ended_ && (level || depth < *own) && may_close(said)) {
        return hold_from(before_line(lines_[i].begin));
      }
      if (depth >= floor(*own) && !sibling && !out && !closed) continue;
      if (depth == *own && continues_block(said)) continue;
      if (!lines_[i].complete && !ended_ && may_continue(said)) return hold_from(before_line(lines_[i].begin));
      return end_block(lines_[i], depth, *own);
    }
    hold_blank_end();
  }

  // A line that has just begun: "e" may become "else:", "}" may become "});".
  [[nodiscard]] static bool may_continue(std::string_view said) {
    const std::string_view text = trimmed(said);
    return text.size() < kTellingBytes || only_closers(text);
  }

  // Whether what closes a block stands behind the cursor already.
  [[nodiscard]] bool is_there(std::string_view line, std::size_t depth) const {
    return trimmed(suffix_).starts_with(closing_word(line)) &&
           (!behind_.empty() || following_.empty() || indentation(following_.front()) == depth);
  }

  // The bracket or word that closes the block belongs to it, unless it is there already: on the cursor's line, or at the same
  // indentation on the next one.
  void end_block(const Line& line, std::size_t depth, std::size_t own) {
    const bool closes = !closing_word(of(line)).empty() && depth <= own && !is_there(of(line), depth);
    stop_at(closes ? line.end : before_line(line.begin), "block");
  }

  const StopRules& rules_;
  std::string_view suffix_;
  std::string_view text_;
  bool ended_;
  bool cut_;
  std::string_view before_;  // the cursor's line, before it
  std::string_view behind_;  // and behind it, without blanks at its ends
  bool line_start_;          // nothing but blanks before the cursor
  std::vector<std::string_view> following_;
  std::vector<Line> lines_;
  std::size_t hold_;
  std::size_t stop_ = 0;
  std::string_view rule_;
};

}  // namespace

StopVerdict judge(const StopRules& rules, std::string_view prefix, std::string_view suffix, std::string_view text,
                  bool ended, bool cut) {
  if (!rules.any()) return {text.size(), false, {}};
  const StopVerdict verdict = Judge(rules, prefix, suffix, text, ended, cut).verdict();
  if (!verdict.stop || ended) return verdict;
  // The text ends there; what was only held back before it is decided now.
  const StopVerdict last = Judge(rules, prefix, suffix, text.substr(0, verdict.safe), true, false).verdict();
  return last.stop ? last : verdict;
}

}  // namespace blindbox::api
