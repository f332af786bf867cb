"""Answer a question by a span of its text: exact match and F1, as for `answer`.

Rajpurkar et al. 2016, "SQuAD", arXiv 1606.05250; texts without an answer, Rajpurkar et
al. 2018, "Know What You Don't Know", arXiv 1806.03822. What is learned by RL, and how,
follows Xiong et al. 2018, "DCN+: Mixed Objective and Deep Residual Coattention for
Question Answering", arXiv 1711.00106, section 3.
"""

from __future__ import annotations

import dataclasses

from nutgraf.tasks.answer import ANSWER

__all__ = ["EXTRACT"]

EXTRACT = dataclasses.replace(ANSWER, name="extract", max_source=384, max_target=3)
