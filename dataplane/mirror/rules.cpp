// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/rules.h"

namespace detour::mirror {

namespace {

Step step_of(const Rule& rule) {
    Step step;
    step.destination = rule.destination;
    if (rule.is_foreign) {
        step.verdict = Verdict::unsupported;
        return step;
    }
    switch (rule.action) {
        case RuleAction::blackhole:
            step.verdict = Verdict::blackhole;
            return step;
        case RuleAction::unreachable:
            step.verdict = Verdict::unreachable;
            return step;
        case RuleAction::prohibit:
            step.verdict = Verdict::prohibit;
            return step;
        case RuleAction::nothing:
        case RuleAction::other:
            step.verdict = Verdict::unsupported;
            return step;
        case RuleAction::lookup:
            break;
    }
    step.table = rule.table;
    step.suppress_length = rule.suppress_length;
    step.suppress_group = rule.suppress_group;
    return step;
}

Step punt() {
    Step step;
    step.verdict = Verdict::unsupported;
    return step;
}

// Adds one rule; false when no packet gets past it, so that the rest need not be looked at.
bool add(Plan& plan, const Rule& rule) {
    // What the selectors of an inverted rule name is the one thing that it is not for.
    Step step = rule.is_inverted ? punt() : step_of(rule);
    if (!rule.source || rule.is_inverted) {
        plan.unsupported += step.verdict == Verdict::unsupported ? 1 : 0;
        const bool is_last = step.verdict && !step.destination;
        (plan.sources.empty() ? plan.before : plan.after).push_back(step);
        return !is_last;
    }
    if (!plan.after.empty()) {
        // By source behind a step by destination behind rules by source: one lookup more than we
        // have. What has found no answer so far is the kernel's.
        ++plan.unsupported;
        plan.after.push_back(punt());
        return false;
    }
    if (step.destination)
        step = punt();  // by source and destination at once: all of the source is the kernel's
    plan.unsupported += step.verdict == Verdict::unsupported ? 1 : 0;
    plan.sources.push_back({*rule.source, step});
    return true;
}

}  // namespace

Plan plan_rules(std::span<const Rule> rules, std::string_view input) {
    Plan plan;
    for (const Rule& rule : rules) {
        if (!rule.may_match(input))
            continue;
        if (rule.action == RuleAction::nothing && !rule.is_foreign)
            continue;
        if (!add(plan, rule))
            break;
    }
    return plan;
}

}  // namespace detour::mirror
