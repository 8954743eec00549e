// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/desk.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <exception>

#include "blindbox/lsp/tidy.h"

namespace blindbox::lsp {
namespace {

// One exchange with the server. Whoever cancels it hears no more of it.
struct Ask {
  net::Stream* stream = nullptr;
  bool cancelled = false;
  bool single_line = false;
  bool line_begun = false;
  void cancel() {
    cancelled = true;
    if (stream != nullptr) stream->close();  // HTTP/1.1 has no other way to say that nobody waits
  }
};

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r") == std::string_view::npos; }

}  // namespace

struct Desk::State : std::enable_shared_from_this<Desk::State> {
  // Of one document.
  struct Slot {
    std::optional<Wanted> waiting;
    std::optional<Suggestion> suggestion;
    std::shared_ptr<Ask> ask;
    std::unique_ptr<net::asio::steady_timer> pause;  // until someone has stopped typing
  };

  State(net::Executor on, Open from, Callbacks to)
      : executor(std::move(on)), open(std::move(from)), callbacks(std::move(to)) {}

  void want(Wanted wanted) {
    Slot& slot = slots[wanted.uri];
    give_up(slot, Code::content_modified);
    if (slot.suggestion && slot.suggestion->fits(wanted.before, wanted.after)) {
      if (slot.suggestion->finished()) return callbacks.answer(wanted, slot.suggestion->rest(wanted.before));
      slot.waiting = std::move(wanted);
      return;
    }
    stop(slot);
    const bool pauses = wanted.automatic && settings.debounce.count() > 0;
    slot.waiting = std::move(wanted);
    if (!pauses) return begin(slot);
    slot.pause = std::make_unique<net::asio::steady_timer>(executor, settings.debounce);
    slot.pause->async_wait(
        [weak = weak_from_this(), uri = slot.waiting->uri, id = slot.waiting->id](const auto& error) {
          const auto self = weak.lock();
          if (error || !self) return;
          const auto found = self->slots.find(uri);
          if (found == self->slots.end() || !found->second.waiting || found->second.waiting->id != id) return;
          self->begin(found->second);
        });
  }

  // Answers the one that waits, if any, with why; the work for it goes on.
  void give_up(Slot& slot, Code why) {
    if (!slot.waiting) return;
    const Wanted wanted = std::move(*slot.waiting);
    slot.waiting.reset();
    callbacks.give_up(wanted, why);
  }

  static void stop(Slot& slot) {
    if (slot.ask) slot.ask->cancel();
    slot.ask.reset();
    slot.suggestion.reset();
    slot.pause.reset();
  }

  void begin(Slot& slot) {
    const Wanted& wanted = *slot.waiting;
    slot.pause.reset();
    slot.suggestion.emplace(wanted.before, wanted.after);
    slot.ask = std::make_shared<Ask>();
    const std::string_view after(wanted.after);
    slot.ask->single_line = !settings.multi_line || !blank(after.substr(0, line_end(after, 0)));
    const std::string_view before(wanted.before);
    slot.ask->line_begun = !blank(before.substr(line_begin(before, before.size())));
    infill::Hole hole{std::string(keep_end(before, settings.prefix_bytes)),
                      std::string(keep_begin(after, settings.suffix_bytes)), callbacks.neighbours(wanted.uri)};
    const infill::Options options{settings.max_tokens, slot.ask->single_line, settings.time_budget};
    net::asio::co_spawn(
        executor, run(shared_from_this(), wanted.uri, slot.ask, std::move(hole), options),
        [self = shared_from_this(), uri = wanted.uri, ask = slot.ask](const std::exception_ptr& thrown) {
          if (!thrown || ask->cancelled) return;
          self->done(uri, ask, base::fail(ErrorKind::internal, "a completion has failed"));
        });
  }

  static net::Task<void> run(std::shared_ptr<State> self, std::string uri, std::shared_ptr<Ask> ask, infill::Hole hole,
                             infill::Options options) {
    auto line = co_await self->open();
    if (ask->cancelled) co_return;
    if (!line) {
      self->done(uri, ask, base::pass_on(line));
      co_return;
    }
    ask->stream = line->stream.get();
    // A variable: g++ 12 destroys a temporary of this kind twice.
    infill::OnText on_text = [self, uri, ask](std::string_view text) { self->add(uri, ask, text); };
    auto filled = co_await infill::fill_over(*line->stream, line->host, std::move(hole), options, std::move(on_text));
    ask->stream = nullptr;
    if (filled && filled->verdict.empty()) filled->verdict = line->verdict;
    if (!ask->cancelled) self->done(uri, ask, std::move(filled));
  }

  void add(const std::string& uri, const std::shared_ptr<Ask>& ask, std::string_view text) {
    const auto found = slots.find(uri);
    if (ask->cancelled || found == slots.end() || found->second.ask != ask) return;
    Slot& slot = found->second;
    slot.suggestion->add(text);
    // Someone typed on while it was made, and it goes another way.
    if (!slot.waiting || slot.suggestion->fits(slot.waiting->before, slot.waiting->after)) return;
    stop(slot);
    begin(slot);
  }

  void done(const std::string& uri, const std::shared_ptr<Ask>& ask, const Result<infill::Filled>& filled) {
    const auto found = slots.find(uri);
    if (found == slots.end() || found->second.ask != ask) return;
    Slot& slot = found->second;
    slot.ask.reset();
    if (filled) {
      const Said said{filled->text, ask->single_line, filled->out_of_tokens, ask->line_begun};
      slot.suggestion->finish(tidy(said, slot.suggestion->after()));
    } else {
      slot.suggestion.reset();
    }
    callbacks.heard(filled);
    if (!slot.waiting) return;
    const Wanted wanted = std::move(*slot.waiting);
    slot.waiting.reset();
    if (slot.suggestion && !slot.suggestion->fits(wanted.before, wanted.after)) {
      slot.suggestion.reset();
      slot.waiting = wanted;
      return begin(slot);
    }
    callbacks.answer(wanted, slot.suggestion ? slot.suggestion->rest(wanted.before) : std::string());
  }

  net::Executor executor;
  Open open;
  Callbacks callbacks;
  Settings settings;
  std::map<std::string, Slot> slots;
};

Desk::Desk(net::Executor executor, Open open, Callbacks callbacks)
    : state_(std::make_shared<State>(std::move(executor), std::move(open), std::move(callbacks))) {}

Desk::~Desk() {
  for (auto& [uri, slot] : state_->slots) State::stop(slot);
  state_->slots.clear();
}

void Desk::set(const Settings& settings) { state_->settings = settings; }

void Desk::want(Wanted wanted) { state_->want(std::move(wanted)); }

void Desk::cancel(const nlohmann::json& id) {
  for (auto& [uri, slot] : state_->slots) {
    if (!slot.waiting || slot.waiting->id != id) continue;
    state_->give_up(slot, Code::request_cancelled);
    // What is half made is of use to whoever asks next only where it goes on; nobody may ask, and the work costs.
    if (slot.ask) State::stop(slot);
    slot.pause.reset();
    return;
  }
}

void Desk::forget(const std::string& uri) {
  const auto found = state_->slots.find(uri);
  if (found == state_->slots.end()) return;
  state_->give_up(found->second, Code::content_modified);
  State::stop(found->second);
  state_->slots.erase(found);
}

void Desk::forget_all() {
  while (!state_->slots.empty()) forget(std::string(state_->slots.begin()->first));
}

}  // namespace blindbox::lsp
