from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("chain", "0001_initial")]

    operations = [migrations.DeleteModel(name="AddressTransaction")]
