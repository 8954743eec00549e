// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/internal/run.h"

#include <thread>

namespace blindbox::api::internal {

using completion::Outcome;
using completion::Request;
using completion::StopReason;

// Hears one request: keeps what was said, and passes on what no rule can take back.
class Run::Hearing final : public completion::Listener {
 public:
  Hearing(Run& run, std::size_t index) : run_(run), index_(index), request_(run.call_.requests[index]) {}

  void on_prompt(unsigned /*read*/, unsigned total) override { prompt_ = total; }
  void on_likeliest(const std::vector<completion::TokenProbability>& likeliest) override { likeliest_ = likeliest; }
  void on_token(completion::Token id, float log_probability) override {
    SaidToken token;
    token.id = id;
    token.log_probability = log_probability;
    token.likeliest = std::exchange(likeliest_, {});
    if (run_.call_.token_texts) {
      token.text = text_of(id);
      for (const auto& other : token.likeliest) token.likeliest_texts.push_back(text_of(other.id));
    }
    tokens_.push_back(std::move(token));
  }
  bool on_text(std::string_view text) override {
    text_ += text;
    verdict_ = judge(false, false);
    return show(verdict_.safe) && !verdict_.stop;
  }

  [[nodiscard]] std::uint64_t spent() const { return prompt_ + tokens_.size(); }

  Result<Said> finish(Result<Outcome> outcome) {
    if (!outcome) return base::pass_on(outcome);
    if (verdict_.stop) {
      outcome->reason = StopReason::word;
      outcome->stopping_word.clear();
    } else if (outcome->reason == StopReason::cancelled) {
      // Either nobody listens any more or the server goes down: half a text must not pass for a whole one.
      return base::fail(ErrorKind::cancelled, "the request was cancelled");
    } else {
      const bool cut = outcome->reason == StopReason::limit || outcome->reason == StopReason::deadline;
      verdict_ = judge(true, cut);
      if (!show(verdict_.safe)) return base::fail(ErrorKind::cancelled, "the request was cancelled");
    }
    text_.resize(verdict_.safe);
    if (run_.call_.token_texts) drop_cut_tokens();
    return Said{std::move(text_), std::move(tokens_), std::move(*outcome), std::string(verdict_.rule)};
  }

 private:
  [[nodiscard]] StopVerdict judge(bool ended, bool cut) const {
    if (!request_.suffix && !run_.call_.rules.any()) return {text_.size(), false, {}};
    return api::judge(run_.call_.rules, request_.prefix, request_.suffix ? *request_.suffix : std::string_view(), text_,
                      ended, cut);
  }

  bool show(std::size_t until) {
    if (!run_.call_.stream || until <= shown_) return true;
    const std::vector<SaidToken> fresh(tokens_.begin() + static_cast<std::ptrdiff_t>(told_), tokens_.end());
    const Piece piece{index_, std::string_view(text_).substr(shown_, until - shown_), fresh, tokens_.size(), prompt_};
    told_ = tokens_.size();
    shown_ = until;
    const std::scoped_lock lock(run_.mutex_);
    run_.begin();
    return run_.write(run_.call_.writer->piece(run_.about_, piece));
  }

  // Tokens of text that a rule or a stop word has cut off.
  void drop_cut_tokens() {
    std::size_t bytes = 0;
    std::size_t keep = 0;
    while (keep < tokens_.size() && bytes < text_.size()) bytes += tokens_[keep++].text.size();
    tokens_.resize(keep);
  }

  [[nodiscard]] std::string text_of(completion::Token id) const {
    auto text = run_.generator_.detokenize({id});
    return text ? std::move(*text) : std::string();
  }

  Run& run_;
  std::size_t index_;
  const Request& request_;
  unsigned prompt_ = 0;
  std::string text_;
  std::size_t shown_ = 0;  // bytes of the text that went out
  std::vector<SaidToken> tokens_;
  std::size_t told_ = 0;  // tokens that went out
  std::vector<completion::TokenProbability> likeliest_;
  StopVerdict verdict_;
};

Result<Said> Run::one(std::size_t index, const std::stop_token& stop) {
  Hearing hearing(*this, index);
  auto outcome = generator_.generate(call_.requests[index], hearing, stop);
  spent_ += hearing.spent();
  return hearing.finish(std::move(outcome));
}

namespace {

class Deaf final : public completion::Listener {
 public:
  bool on_text(std::string_view) override { return true; }
};

}  // namespace

std::vector<Result<Said>> Run::all(const std::stop_token& stop) {
  const std::size_t count = call_.requests.size();
  std::vector<Result<Said>> results(count, Result<Said>(base::fail(ErrorKind::internal, "the request was not begun")));
  if (count == 1) {
    results[0] = one(0, stop);
    return results;
  }
  // Copies of a prompt find it in the cache when one has read it.
  for (std::size_t i = 0; call_.copies > 1 && i < count; i += call_.copies) {
    Request reading = call_.requests[i];
    reading.max_tokens = 0;
    Deaf deaf;
    (void)generator_.generate(reading, deaf, stop);  // an error comes again, and is told then
  }
  std::vector<std::jthread> threads;
  threads.reserve(count);
  try {
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([this, i, &results, stop] { results[i] = one(i, stop); });
    }
  } catch (const std::system_error&) {  // no thread left: that request stays "not begun"
  }
  threads.clear();
  return results;
}

void Run::begin() {
  if (std::exchange(begun_, true)) return;
  sink_.begin_stream(200, call_.writer->stream_type());
  (void)write(call_.writer->begin(about_));
}

bool Run::write(std::string text) { return text.empty() || sink_.write(std::move(text)); }

Run::End Run::finish(std::vector<Result<Said>> results) {
  for (auto& result : results) {
    if (result) continue;
    const bool cancelled = result.error().kind == ErrorKind::cancelled;
    const bool internal = result.error().kind == ErrorKind::internal;
    const Failure failure = failure_of(std::move(result).error(), shape_);
    if (begun_) {
      (void)write(stream_error(failure, shape_));
      sink_.end();
    } else {
      sink_.respond(refusal(failure, shape_));
    }
    return cancelled ? End::cancelled : internal ? End::failed : End::refused;
  }
  for (auto& result : results) said_.push_back(std::move(*result));
  if (!call_.stream) {
    sink_.respond({200, "application/json", call_.writer->whole(about_, said_), {}});
    return End::answered;
  }
  begin();
  for (std::size_t i = 0; i < said_.size(); ++i) {
    (void)write(call_.writer->choice_end(about_, i, said_[i]));  // where the client is gone the server drops it
  }
  (void)write(call_.writer->end(about_, said_));
  sink_.end();
  return End::answered;
}

Run::End Run::run(const std::stop_token& stop) { return finish(all(stop)); }

}  // namespace blindbox::api::internal
