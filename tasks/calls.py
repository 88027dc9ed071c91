"""The tasks of one call: place it, follow it, finish it."""

from __future__ import annotations

from speechai.operation import calling, finishing, following_up, late_costs, polling
from speechai.operation.dispatching import ticket_of
from tasks.app import app, context, send


@app.task(name="tasks.place_call")
def place_call(job_id: str, ticket: int | None = None) -> None:
    """Dial one contact's next phone, if its rules allow it now, and start following the call.

    job_id: the job, as `speechai batch ID` lists them, e.g. "20261122-4f1a9c-8c1b02f64d0a97e3".
    ticket: the number under which the job was handed out; a message with another number is stale and does nothing.
        Leave it away to dial a job by hand: it is then handed out here, if it waits.

    Delivered twice it dials once. What refuses the call (hours, caps, pause, no free line) is kept on the job.
    """
    number = ticket_of(context(), job_id) if ticket is None else ticket
    if number is not None:
        send(calling.place_call(context(), job_id, number))


@app.task(name="tasks.poll_call")
def poll_call(attempt_id: str, number: int) -> None:
    """Look at one call, and look again after CALL_POLLING_INTERVAL until it is over.

    attempt_id: the attempt (`speechai job ID` shows them). number: the number of this look; only the message that moves
    the stored number on may look, so that a message delivered twice does not double the chain.
    """
    send(polling.poll_call(context(), attempt_id, number))


@app.task(name="tasks.finish")
def finish(attempt_id: str) -> None:
    """Write what follows from a call that is over: result, cost, the person's counters, the job's next step.

    Running it again changes nothing.
    """
    send(finishing.finish(context(), attempt_id))


@app.task(name="tasks.deliver_action")
def deliver_action(action_id: str, number: int) -> None:
    """Deliver a follow-up of a finished call to the customer's receiver (FOLLOW_UP_URL), as try `number`.

    At least once, always under the same key; only the message that moves the stored number on may try.
    """
    send(following_up.deliver_action(context(), action_id, number))


@app.task(name="tasks.ask_cost")
def ask_cost(attempt_id: str, number: int) -> None:
    """Ask Retell for the cost of a finished call that it had not told, as look `number`, and charge the account."""
    send(late_costs.ask_cost(context(), attempt_id, number))
