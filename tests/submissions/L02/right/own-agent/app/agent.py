"""The order desk's agent, as it was before there was a chat."""

from agents import Agent, RunContextWrapper, function_tool
from chatkit.agents import AgentContext

from shared.context import RequestContext
from shared.models import get_model


@function_tool
def look_up_order(wrapper: RunContextWrapper[AgentContext[RequestContext]], number: str) -> str:
    """Tell the state of an order."""
    return f"Order {number} of {wrapper.context.request_context.user_id} is on its way."


order_desk = Agent[AgentContext[RequestContext]](
    name="Order desk",
    instructions="You help customers of a bookshop with their orders.",
    tools=[look_up_order],
    model=get_model(),
)
